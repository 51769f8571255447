package org.llmadapters.training.devices;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import java.util.OptionalLong;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.device.CudaLibraryFile;
import org.llmadapters.graph.device.NvidiaDriver;
import org.llmadapters.graph.device.NvidiaGpu;
import org.llmadapters.graph.device.NvidiaSmi;
import org.llmadapters.graph.device.RegisteredDevice;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.graph.device.XlaGpuTools;

/** The report as programs read it: all keys are always there, what is unknown is null. */
final class DeviceJson {
  private DeviceJson() {}

  /** One object. Sizes are bytes. */
  static ObjectNode of(DeviceReport report) {
    ObjectNode json = Json.object();
    json.put("natives", report.gpuNatives() ? "gpu" : "cpu");
    ArrayNode devices = json.putArray("tensorflow_devices");
    for (RegisteredDevice device :
        report.devices().map(RegisteredDevices::devices).orElse(java.util.List.of())) {
      devices
          .addObject()
          .put("name", device.name())
          .put("type", device.type())
          .put("memory_limit", device.memoryLimit());
    }
    json.put("driver", report.driver().isPresent());
    put(
        json,
        "driver_version",
        report
            .smi()
            .flatMap(NvidiaSmi::driver)
            .or(() -> report.driver().flatMap(NvidiaDriver::version)));
    put(json, "driver_cuda_version", report.smi().flatMap(NvidiaSmi::cuda));
    ArrayNode gpus = json.putArray("gpus");
    report.gpus().forEach(gpu -> put(gpus.addObject(), gpu));
    ArrayNode libraries = json.putArray("cuda_libraries");
    for (CudaLibraryFile library : report.libraries()) {
      put(libraries.addObject().put("name", library.name()), "file", library.file());
    }
    put(json, "cuda_data_dir", report.tools().flatMap(XlaGpuTools::cudaDataDir));
    put(json, "ptxas", report.tools().flatMap(XlaGpuTools::ptxas));
    ArrayNode remarks = json.putArray("notes");
    report.remarks().forEach(remarks::add);
    return json;
  }

  private static void put(ObjectNode json, NvidiaGpu gpu) {
    json.put("index", gpu.index()).put("name", gpu.name());
    put(json, "memory_total", gpu.memoryTotal());
    put(json, "memory_free", gpu.memoryFree());
    json.put("compute_capability", gpu.capability().toString());
  }

  private static void put(ObjectNode json, String key, OptionalLong mebibytes) {
    if (mebibytes.isPresent()) {
      json.put(key, mebibytes.getAsLong() << 20);
    } else {
      json.putNull(key);
    }
  }

  private static void put(ObjectNode json, String key, Optional<?> value) {
    json.put(key, value.map(Object::toString).orElse(null));
  }
}
