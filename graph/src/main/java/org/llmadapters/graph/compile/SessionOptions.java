package org.llmadapters.graph.compile;

import java.util.OptionalInt;
import org.llmadapters.graph.device.Device;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GPUOptions;

/**
 * How a session uses the machine.
 *
 * @param replicas parts that a batch is cut into and that run side by side, one core each. On a CPU
 *     that beats several threads in every operation: 1.7 times under XLA, because the operations of
 *     a step are too small to be worth a hand-over. On a GPU a batch is never cut: 1
 * @param device what it computes on
 * @param deviceMemoryMib memory of a GPU that TensorFlow may use, in MiB; empty for nearly all of
 *     it. Not a fraction, so that the same number means the same on another GPU
 */
public record SessionOptions(int replicas, Device device, OptionalInt deviceMemoryMib) {
  public SessionOptions {
    if (replicas < 1) {
      throw new IllegalArgumentException("replicas must be >= 1, got " + replicas);
    }
    if (device.isGpu() && replicas != 1) {
      throw new IllegalArgumentException("replicas on " + device + " must be 1, got " + replicas);
    }
    if (!device.isGpu() && deviceMemoryMib.isPresent()) {
      throw new IllegalArgumentException(
          "a limit of device memory is for GPUs; sessions of this process compute on the CPU");
    }
    if (deviceMemoryMib.isPresent() && deviceMemoryMib.getAsInt() < 1) {
      throw new IllegalArgumentException(
          "device memory must be >= 1 MiB, got " + deviceMemoryMib.getAsInt());
    }
  }

  /** So many replicas on the CPU. */
  public SessionOptions(int replicas) {
    this(replicas, Device.CPU, OptionalInt.empty());
  }

  /** All of {@code device}: one replica per core, or one on a GPU. */
  public static SessionOptions on(Device device) {
    return new SessionOptions(device.isGpu() ? 1 : cores(), device, OptionalInt.empty());
  }

  /** One replica per core. */
  public static SessionOptions forThisMachine() {
    return on(Device.CPU);
  }

  /** These options with a limit of the GPU's memory, in MiB. */
  public SessionOptions withDeviceMemory(OptionalInt mebibytes) {
    return new SessionOptions(replicas, device, mebibytes);
  }

  /**
   * The session's configuration.
   *
   * <p>On the CPU: no GPU, one thread inside an operation and one operation per replica at a time.
   * XLA's CPU client keeps the thread count of the first session of a process, so all sessions must
   * use the same.
   *
   * <p>On a GPU: that one alone, which the session calls {@code GPU:0}, memory taken as it is
   * needed, and all cores for the operations that stay on the host.
   */
  public ConfigProto toProto() {
    ConfigProto.Builder config =
        ConfigProto.newBuilder()
            .setIntraOpParallelismThreads(device.isGpu() ? cores() : 1)
            .setInterOpParallelismThreads(cores())
            .setAllowSoftPlacement(true);
    if (!device.isGpu()) {
      return config.putDeviceCount("GPU", 0).build();
    }
    GPUOptions.Builder gpu =
        GPUOptions.newBuilder()
            .setVisibleDeviceList(Integer.toString(device.index()))
            .setAllowGrowth(true);
    deviceMemoryMib.ifPresent(
        limit ->
            gpu.getExperimentalBuilder()
                .addVirtualDevices(
                    GPUOptions.Experimental.VirtualDevices.newBuilder().addMemoryLimitMb(limit)));
    return config.setGpuOptions(gpu).build();
  }

  private static int cores() {
    return Runtime.getRuntime().availableProcessors();
  }
}
