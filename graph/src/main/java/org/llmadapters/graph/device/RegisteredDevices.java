package org.llmadapters.graph.device;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.tensorflow.internal.c_api.TF_DeviceList;
import org.tensorflow.internal.c_api.TF_Graph;
import org.tensorflow.internal.c_api.TF_Session;
import org.tensorflow.internal.c_api.TF_SessionOptions;
import org.tensorflow.internal.c_api.TF_Status;
import org.tensorflow.internal.c_api.global.tensorflow;
import org.tensorflow.proto.ConfigProto;

/**
 * The devices that TensorFlow registered for a session: {@code TF_SessionListDevices}, which
 * TensorFlow Java does not offer.
 *
 * @param devices in TensorFlow's order
 */
public record RegisteredDevices(List<RegisteredDevice> devices) {
  public RegisteredDevices {
    devices = List.copyOf(devices);
  }

  /**
   * The devices of a session with these options.
   *
   * <p>The first session of a process creates the GPU devices and the threads of operations, and
   * what its options say of them (the memory limit, which GPU is number 0) stays for all later
   * ones: list with the options that are to be used.
   *
   * @throws RuntimeException of TensorFlow's kinds if there can be no such session
   */
  @SuppressWarnings("try") // the scope frees what is made within it
  public static RegisteredDevices of(ConfigProto options) {
    TensorFlowRuntime.load();
    try (PointerScope scope = new PointerScope()) {
      TF_Status status = TF_Status.newStatus();
      TF_SessionOptions sessionOptions = TF_SessionOptions.newSessionOptions();
      byte[] bytes = options.toByteArray();
      tensorflow.TF_SetConfig(sessionOptions, new BytePointer(bytes), bytes.length, status);
      status.throwExceptionIfNotOK();
      TF_Session session = TF_Session.newSession(TF_Graph.newGraph(), sessionOptions, status);
      status.throwExceptionIfNotOK();
      TF_DeviceList list = tensorflow.TF_SessionListDevices(session, status);
      status.throwExceptionIfNotOK();
      try {
        return new RegisteredDevices(read(list, status));
      } finally {
        tensorflow.TF_DeleteDeviceList(list);
      }
    }
  }

  private static List<RegisteredDevice> read(TF_DeviceList list, TF_Status status) {
    List<RegisteredDevice> devices = new ArrayList<>();
    for (int i = 0; i < tensorflow.TF_DeviceListCount(list); i++) {
      String name = tensorflow.TF_DeviceListName(list, i, status).getString();
      status.throwExceptionIfNotOK();
      String type = tensorflow.TF_DeviceListType(list, i, status).getString();
      status.throwExceptionIfNotOK();
      long memory = tensorflow.TF_DeviceListMemoryBytes(list, i, status);
      status.throwExceptionIfNotOK();
      devices.add(new RegisteredDevice(name, type, memory));
    }
    return devices;
  }

  /** Whether one of them is a GPU. */
  public boolean hasGpu() {
    return devices.stream().anyMatch(device -> device.type().equals("GPU"));
  }

  /** The names, after {@code device:}, with commas between them. */
  @Override
  public String toString() {
    return devices.stream()
        .map(device -> device.name().replaceFirst("^.*device:", ""))
        .collect(Collectors.joining(", "));
  }
}
