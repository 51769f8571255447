package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.tensorflow.exceptions.TFInvalidArgumentException;

final class DeviceResolverTest {
  private static final RegisteredDevice CPU =
      new RegisteredDevice("/job:localhost/replica:0/task:0/device:CPU:0", "CPU", 256 << 20);
  private static final RegisteredDevice GPU =
      new RegisteredDevice("/job:localhost/replica:0/task:0/device:GPU:0", "GPU", 80L << 30);

  /** XLA's own device on a GPU, which is none that a graph's operations are placed on. */
  private static final RegisteredDevice XLA_GPU =
      new RegisteredDevice("/job:localhost/replica:0/task:0/device:XLA_GPU:0", "XLA_GPU", 1);

  private final List<Device> asked = new ArrayList<>();

  private DeviceResolver resolver(boolean driver, RegisteredDevice... devices) {
    return new DeviceResolver(
        () -> driver,
        gpu -> {
          asked.add(gpu);
          return new RegisteredDevices(List.of(devices));
        });
  }

  @Test
  void autoTakesTheFirstGpu() {
    assertThat(resolver(true, CPU, GPU).resolve(DeviceChoice.AUTO)).isEqualTo(Device.gpu(0));
    assertThat(asked).containsExactly(Device.gpu(0));
  }

  @Test
  void autoTakesTheCpuWhereTensorFlowRegistersNoGpu() {
    assertThat(resolver(true, CPU, XLA_GPU).resolve(DeviceChoice.AUTO)).isEqualTo(Device.CPU);
  }

  @Test
  void autoDoesNotAskTensorFlowWithoutADriver() {
    assertThat(resolver(false, CPU, GPU).resolve(DeviceChoice.AUTO)).isEqualTo(Device.CPU);
    assertThat(asked).isEmpty();
  }

  @Test
  void cpuIsNeverAskedFor() {
    assertThat(resolver(true, CPU, GPU).resolve(DeviceChoice.CPU)).isEqualTo(Device.CPU);
    assertThat(asked).isEmpty();
  }

  /** It is GPU:0 in a session that sees no other. */
  @Test
  void aGpuIsLookedForByItsIndex() {
    assertThat(resolver(false, CPU, GPU).resolve(DeviceChoice.gpu(3))).isEqualTo(Device.gpu(3));
    assertThat(asked).containsExactly(Device.gpu(3));
  }

  @Test
  void aGpuThatIsNotThereIsAnError() {
    assertThatThrownBy(() -> resolver(true, CPU, XLA_GPU).resolve(DeviceChoice.gpu(0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--device gpu:0: there is no such GPU; TensorFlow registered only CPU:0, XLA_GPU:0."
                + " `llm-adapters devices` shows why; --device cpu computes on the CPU");
  }

  @Test
  void anIndexThatTensorFlowRefusesIsAnError() {
    DeviceResolver resolver =
        new DeviceResolver(
            () -> true,
            gpu -> {
              throw new TFInvalidArgumentException("visible device count is 1");
            });
    assertThatThrownBy(() -> resolver.resolve(DeviceChoice.gpu(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--device gpu:1: there is no such GPU; TensorFlow says: visible device count is 1."
                + " `llm-adapters devices` shows why; --device cpu computes on the CPU");
  }
}
