package org.llmadapters.graph.device;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code --device} asks for: {@code auto}, {@code cpu}, {@code gpu} (the same as {@code
 * gpu:0}) or {@code gpu:N}.
 *
 * @param device what is asked for; empty for {@code auto}, the first GPU if TensorFlow registers
 *     one, else the CPU
 */
public record DeviceChoice(Optional<Device> device) {
  /** The first GPU if TensorFlow registers one, else the CPU. */
  public static final DeviceChoice AUTO = new DeviceChoice(Optional.empty());

  /** The CPU. */
  public static final DeviceChoice CPU = new DeviceChoice(Optional.of(Device.CPU));

  private static final Pattern GPU = Pattern.compile("gpu(?::(0|[1-9][0-9]{0,3}))?");

  /** The GPU with this index. */
  public static DeviceChoice gpu(int index) {
    return new DeviceChoice(Optional.of(Device.gpu(index)));
  }

  /**
   * The choice that {@code text} names.
   *
   * @throws IllegalArgumentException if it is none of the four
   */
  public static DeviceChoice parse(String text) {
    if (text.equals("auto")) {
      return AUTO;
    }
    if (text.equals("cpu")) {
      return CPU;
    }
    Matcher gpu = GPU.matcher(text);
    if (!gpu.matches()) {
      throw new IllegalArgumentException(
          "device '" + text + "' is not known; expected auto, cpu, gpu or gpu:N with N from 0");
    }
    return gpu(gpu.group(1) == null ? 0 : Integer.parseInt(gpu.group(1)));
  }

  /** {@code auto}, {@code cpu} or {@code gpu:N}: what {@link #parse} takes. */
  @Override
  public String toString() {
    return device.map(Device::toString).orElse("auto");
  }
}
