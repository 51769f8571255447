package org.llmadapters.graph.compile;

import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.device.Device;
import org.llmadapters.graph.device.DeviceChoice;
import org.llmadapters.graph.device.DeviceResolver;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.graph.device.TensorFloat32;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.device.XlaFlags;
import org.llmadapters.graph.device.XlaGpuTools;
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
  private static final String DEVICE_PROPERTY = "llmadapters.device";

  /** What {@link #forThisMachine} found: a process does not change its device. */
  private static @Nullable SessionOptions ofThisMachine;

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

  /**
   * The options on the device that the system property {@code llmadapters.device} names, {@code
   * auto} if there is none.
   *
   * @throws IllegalArgumentException if it names a GPU that TensorFlow did not register
   */
  public static synchronized SessionOptions forThisMachine() {
    SessionOptions options = ofThisMachine;
    if (options == null) {
      DeviceChoice choice = DeviceChoice.parse(System.getProperty(DEVICE_PROPERTY, "auto"));
      options = of(choice, OptionalInt.empty());
      ofThisMachine = options;
    }
    return options;
  }

  /** {@link #forThisMachine} for batches that are not cut. */
  public static SessionOptions oneReplica() {
    return new SessionOptions(1, forThisMachine().device(), OptionalInt.empty());
  }

  /**
   * The options on the device that {@code choice} means. A process computes on one GPU at most: the
   * first one that it asks for. Products of float32 are not rounded there; see {@link
   * TensorFloat32}.
   *
   * @param gpuMemoryMib memory of the GPU that TensorFlow may use
   * @throws IllegalArgumentException if it is a GPU that TensorFlow did not register, or the CPU
   *     and a limit of a GPU's memory
   */
  public static SessionOptions of(DeviceChoice choice, OptionalInt gpuMemoryMib) {
    XlaFlags.setForCpu();
    DeviceResolver resolver =
        DeviceResolver.ofThisMachine(gpu -> registered(on(gpu).withDeviceMemory(gpuMemoryMib)));
    Device device = resolver.resolve(choice);
    if (device.isGpu()) {
      TensorFloat32.allow(false);
    }
    return on(device).withDeviceMemory(gpuMemoryMib);
  }

  /** The first session decides for all others, so that it has to have their options. */
  private static RegisteredDevices registered(SessionOptions gpu) {
    TensorFlowRuntime.load(); // unpacks what the flags name
    XlaGpuTools.find().flags().forEach(XlaFlags::set);
    return RegisteredDevices.of(gpu.toProto());
  }

  /** As many equal parts of {@code rows} as there are replicas, or fewer; one on a GPU. */
  public int partsOf(int rows) {
    int parts = Math.min(replicas, rows);
    while (rows % parts != 0) {
      parts--;
    }
    return parts;
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
