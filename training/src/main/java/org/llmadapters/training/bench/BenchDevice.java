package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.NvidiaGpu;
import org.llmadapters.graph.device.NvidiaSmi;
import org.llmadapters.training.PeakMemory;
import org.llmadapters.training.Processor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What all benchmarks say of the device, and how large a product shows what it can do. */
final class BenchDevice {
  private static final Logger log = LoggerFactory.getLogger(BenchDevice.class);

  private BenchDevice() {}

  /** A result that names the benchmark and the device. */
  static ObjectNode json(String bench, SessionOptions session) throws IOException {
    ObjectNode json = Json.object();
    json.put("bench", bench);
    json.put("device", session.device().toString());
    Optional<String> name =
        session.device().isGpu() ? gpu(session.device().index()) : Processor.name();
    name.ifPresent(found -> json.put("device_name", found));
    return json;
  }

  /** The driver's program is not everywhere; without it there is less to tell. */
  private static Optional<String> gpu(int index) {
    try {
      return NvidiaSmi.run().gpus().stream()
          .filter(gpu -> gpu.index() == index)
          .map(NvidiaGpu::name)
          .findFirst();
    } catch (IOException e) {
      log.info("no name of the GPU: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private static OptionalLong usedByThisProcess() {
    try {
      return NvidiaSmi.usedBy(ProcessHandle.current().pid());
    } catch (IOException e) {
      log.info("no memory of the GPU: {}", e.getMessage());
      return OptionalLong.empty();
    }
  }

  /** Adds the peak of this process's memory, and what it holds on the GPU. */
  static void addMemory(ObjectNode json, SessionOptions session) throws IOException {
    PeakMemory.mebibytes().ifPresent(mebibytes -> json.put("peak_rss_mib", mebibytes));
    if (session.device().isGpu()) {
      usedByThisProcess().ifPresent(mebibytes -> json.put("device_memory_mib", mebibytes));
    }
  }

  /** The highest rate of products that was seen on the device, compiled or not, in FLOP/s. */
  static double peakProducts(SessionOptions session, WeightDtype dtype) throws IOException {
    DeviceRates rates = new DeviceRates(session.toProto(), session.replicas());
    MatrixProduct product = MatrixProduct.square(session.device().isGpu() ? 8192 : 1024);
    return Math.max(rates.products(dtype, product, false), rates.products(dtype, product, true));
  }

  /** The bandwidth of the device's memory as copies show it, in bytes per second. */
  static double bandwidth(SessionOptions session) throws IOException {
    return new DeviceRates(session.toProto(), session.replicas()).copies(copiedElements(session));
  }

  /** Float32 elements that no cache holds. */
  static int copiedElements(SessionOptions session) {
    return session.device().isGpu() ? 1 << 28 : 1 << 25;
  }
}
