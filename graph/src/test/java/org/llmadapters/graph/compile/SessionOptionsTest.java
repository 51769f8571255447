package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.device.Device;
import org.llmadapters.graph.device.DeviceChoice;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GPUOptions;

final class SessionOptionsTest {
  private static final int CORES = Runtime.getRuntime().availableProcessors();

  @Test
  void oneReplicaPerCore() {
    assertThat(SessionOptions.on(Device.CPU).replicas()).isEqualTo(CORES);
  }

  @Test
  void aBatchIsNeverCutOnAGpu() {
    assertThat(SessionOptions.on(Device.gpu(2)))
        .isEqualTo(new SessionOptions(1, Device.gpu(2), OptionalInt.empty()));
    assertThatThrownBy(() -> new SessionOptions(2, Device.gpu(1), OptionalInt.empty()))
        .hasMessage("replicas on gpu:1 must be 1, got 2");
  }

  @Test
  void allSessionsUseTheSameThreads() {
    ConfigProto one = new SessionOptions(1).toProto();
    assertThat(new SessionOptions(7).toProto()).isEqualTo(one);
    assertThat(one.getIntraOpParallelismThreads()).isEqualTo(1);
    assertThat(one.getInterOpParallelismThreads()).isEqualTo(CORES);
  }

  @Test
  void aSessionOnTheCpuSeesNoGpu() {
    assertThat(new SessionOptions(1).toProto().getDeviceCountMap()).isEqualTo(Map.of("GPU", 0));
  }

  @Test
  void aSessionOnAGpuSeesThatOneAlone() {
    ConfigProto config = SessionOptions.on(Device.gpu(3)).toProto();
    assertThat(config)
        .isEqualTo(
            ConfigProto.newBuilder()
                .setIntraOpParallelismThreads(CORES)
                .setInterOpParallelismThreads(CORES)
                .setAllowSoftPlacement(true)
                .setGpuOptions(
                    GPUOptions.newBuilder().setVisibleDeviceList("3").setAllowGrowth(true))
                .build());
  }

  @Test
  void limitsTheMemoryOfAGpu() {
    GPUOptions gpu =
        SessionOptions.on(Device.gpu(0))
            .withDeviceMemory(OptionalInt.of(4096))
            .toProto()
            .getGpuOptions();
    assertThat(gpu.getExperimental().getVirtualDevicesList())
        .singleElement()
        .satisfies(one -> assertThat(one.getMemoryLimitMbList()).containsExactly(4096f));
  }

  @Test
  void theHostsMemoryIsNotLimited() {
    assertThatThrownBy(() -> SessionOptions.of(DeviceChoice.CPU, OptionalInt.of(100)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a limit of device memory is for GPUs");
    assertThatThrownBy(() -> SessionOptions.on(Device.gpu(0)).withDeviceMemory(OptionalInt.of(0)))
        .hasMessage("device memory must be >= 1 MiB, got 0");
  }

  @Test
  void rejectsZeroReplicas() {
    assertThatThrownBy(() -> new SessionOptions(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("replicas must be >= 1, got 0");
  }

  @Test
  void aBatchIsCutIntoEqualParts() {
    SessionOptions four = new SessionOptions(4);
    assertThat(four.partsOf(8)).isEqualTo(4);
    assertThat(four.partsOf(6)).isEqualTo(3);
    assertThat(four.partsOf(2)).isEqualTo(2);
    assertThat(four.partsOf(7)).isEqualTo(1);
    assertThat(SessionOptions.on(Device.gpu(0)).partsOf(8)).isEqualTo(1);
  }
}
