package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.tensorflow.proto.ConfigProto;

final class RegisteredDevicesTest {
  private static final ConfigProto WITHOUT_GPU =
      ConfigProto.newBuilder().setIntraOpParallelismThreads(1).putDeviceCount("GPU", 0).build();

  @Test
  void listsTheCpu() {
    RegisteredDevices devices = RegisteredDevices.of(WITHOUT_GPU);
    assertThat(devices.devices())
        .singleElement()
        .satisfies(
            device -> {
              assertThat(device.name()).isEqualTo("/job:localhost/replica:0/task:0/device:CPU:0");
              assertThat(device.type()).isEqualTo("CPU");
              assertThat(device.memoryLimit()).isPositive();
            });
    assertThat(devices.hasGpu()).isFalse();
    assertThat(devices).hasToString("CPU:0");
  }

  @Test
  void listsAsManyAsTheOptionsAskFor() {
    ConfigProto two = WITHOUT_GPU.toBuilder().putDeviceCount("CPU", 2).build();
    assertThat(RegisteredDevices.of(two)).hasToString("CPU:0, CPU:1");
  }
}
