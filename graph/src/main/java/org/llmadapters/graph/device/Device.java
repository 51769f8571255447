package org.llmadapters.graph.device;

/**
 * What sessions of this process compute on.
 *
 * @param kind the processor's kind
 * @param index of the GPU, as TensorFlow counts the visible ones from 0; 0 for the CPU
 */
public record Device(Kind kind, int index) {
  /** Kinds of processors. */
  public enum Kind {
    /** All cores of the host. */
    CPU,
    /** One GPU. */
    GPU
  }

  /** The host's processor. */
  public static final Device CPU = new Device(Kind.CPU, 0);

  public Device {
    if (index < 0 || (kind == Kind.CPU && index != 0)) {
      throw new IllegalArgumentException(
          "index of a "
              + kind
              + " must be "
              + (kind == Kind.CPU ? "0" : ">= 0")
              + ", got "
              + index);
    }
  }

  /** The GPU with this index. */
  public static Device gpu(int index) {
    return new Device(Kind.GPU, index);
  }

  /** Whether it is a GPU. */
  public boolean isGpu() {
    return kind == Kind.GPU;
  }

  /** {@code cpu} or {@code gpu:N}: what {@link DeviceChoice#parse} takes. */
  @Override
  public String toString() {
    return isGpu() ? "gpu:" + index : "cpu";
  }
}
