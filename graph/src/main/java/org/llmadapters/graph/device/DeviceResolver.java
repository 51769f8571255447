package org.llmadapters.graph.device;

import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.exceptions.TFInvalidArgumentException;
import org.tensorflow.exceptions.TensorFlowException;

/**
 * Finds the device that a {@link DeviceChoice} means. A GPU that was asked for and is not there is
 * an error: nothing that was to run on a GPU runs on a CPU instead.
 *
 * @param hasDriver whether a GPU's driver is there. Only then is TensorFlow asked for GPUs by
 *     {@code auto}, because the first question decides how many threads the operations of a process
 *     have
 * @param registered the devices of a session on a GPU
 */
public record DeviceResolver(
    BooleanSupplier hasDriver, Function<Device, RegisteredDevices> registered) {
  private static final Logger log = LoggerFactory.getLogger(DeviceResolver.class);

  /** A resolver for this machine, see {@link NvidiaDriver}. */
  public static DeviceResolver ofThisMachine(Function<Device, RegisteredDevices> registered) {
    return new DeviceResolver(() -> NvidiaDriver.find().isPresent(), registered);
  }

  /**
   * The device meant by {@code choice}.
   *
   * @throws IllegalArgumentException if a GPU was asked for that TensorFlow did not register
   */
  public Device resolve(DeviceChoice choice) {
    return choice.device().isPresent() ? require(choice.device().get()) : automatic();
  }

  private Device automatic() {
    if (!hasDriver.getAsBoolean()) {
      return Device.CPU;
    }
    Device first = Device.gpu(0);
    RegisteredDevices seen = registered.apply(first);
    if (seen.hasGpu()) {
      return first;
    }
    log.warn(
        "a GPU's driver is here, but TensorFlow registered only {}: computing on the CPU;"
            + " `llm-adapters devices` shows why",
        seen);
    return Device.CPU;
  }

  private Device require(Device device) {
    if (!device.isGpu()) {
      return device;
    }
    RegisteredDevices seen;
    try {
      seen = registered.apply(device);
    } catch (TFInvalidArgumentException | TensorFlowException e) {
      throw new IllegalArgumentException(missing(device, "says: " + e.getMessage()), e);
    }
    if (!seen.hasGpu()) {
      throw new IllegalArgumentException(missing(device, "registered only " + seen));
    }
    return device;
  }

  private static String missing(Device device, String found) {
    return "--device "
        + device
        + ": there is no such GPU; TensorFlow "
        + found
        + ". `llm-adapters devices` shows why; --device cpu computes on the CPU";
  }
}
