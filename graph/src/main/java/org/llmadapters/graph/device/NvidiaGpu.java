package org.llmadapters.graph.device;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * A GPU as the driver describes it.
 *
 * @param index as the driver counts, from 0
 * @param name such as {@code NVIDIA H200}
 * @param memoryTotal MiB; empty where the GPU has no memory of its own
 * @param memoryFree MiB; empty where the GPU has no memory of its own
 * @param capability compute capability
 */
public record NvidiaGpu(
    int index,
    String name,
    OptionalLong memoryTotal,
    OptionalLong memoryFree,
    Capability capability) {

  /**
   * Which instructions a GPU has.
   *
   * @param major generation: 8 Ampere and Ada, 9 Hopper, 10 and 12 Blackwell
   * @param minor within the generation
   */
  public record Capability(int major, int minor) {
    @Override
    public String toString() {
      return major + "." + minor;
    }
  }

  /**
   * What to know about TensorFlow 2.18 on this GPU, if anything. It carries machine code for 6.0,
   * 7.0, 8.0, 8.9 and 9.0, each of which also runs on later minor versions, and PTX for 9.0.
   */
  public Optional<String> remark() {
    if (capability.major() < 6) {
      return Optional.of(
          "GPU "
              + index
              + " ("
              + name
              + "): compute capability "
              + capability
              + " is too old, TensorFlow 2.18 needs 6.0 or newer; compute on the CPU");
    }
    if (capability.major() > 9) {
      return Optional.of(
          "GPU "
              + index
              + " ("
              + name
              + "): compute capability "
              + capability
              + " is newer than TensorFlow 2.18's machine code (up to 9.0); the driver translates"
              + " its kernels when they are first used, which takes minutes: keep the result with"
              + " export CUDA_CACHE_MAXSIZE=4294967296");
    }
    return Optional.empty();
  }
}
