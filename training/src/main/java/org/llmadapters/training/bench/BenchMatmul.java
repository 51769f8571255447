package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.proto.ConfigProto;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench matmul}: what the device can do at best. */
@Command(
    name = "matmul",
    description = "Measures matrix products and copies: the ceiling of training and generation.",
    sortOptions = false)
final class BenchMatmul implements Callable<Integer> {
  private static final double GIGA = 1e9;

  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private DeviceFlags device = new DeviceFlags();

  @Option(
      names = "--size",
      split = ",",
      paramLabel = "N,...",
      description = "Products [N, N] x [N, N] (default: 1024; on a GPU 4096,8192).")
  private @Nullable List<Integer> sizes;

  @Option(
      names = "--tokens",
      defaultValue = "0",
      description =
          "Also the products of a step on so many tokens, with the model's sizes and its --dtype (default: none).")
  private int tokens;

  @Option(
      names = "--dtypes",
      split = ",",
      paramLabel = "DTYPE,...",
      description = "Of the square products (default: float32,bfloat16; on a GPU also float16).")
  private @Nullable List<String> dtypes;

  @Option(
      names = "--compile",
      defaultValue = "both",
      description = "XLA: on, off or both (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Option(
      names = "--threads-per-op",
      defaultValue = "0",
      description =
          "On the CPU: threads in one product. By default one, and as many products side by side as there are cores, which is how a training step runs.")
  private int threadsPerOp;

  @Override
  public Integer call() throws IOException {
    SessionOptions session = device.session();
    boolean gpu = session.device().isGpu();
    int chains = threadsPerOp == 0 ? session.replicas() : 1;
    ConfigProto.Builder config = session.toProto().toBuilder();
    if (threadsPerOp > 0 && !gpu) {
      config.setIntraOpParallelismThreads(threadsPerOp);
    }
    DeviceRates rates = new DeviceRates(config.build(), chains);
    for (String name : dtypes(gpu)) {
      WeightDtype dtype = WeightDtype.of(name);
      for (int size : sizes(gpu)) {
        measure(rates, session, dtype, MatrixProduct.square(size));
      }
    }
    for (MatrixProduct product : productsOfAStep(session)) {
      measure(rates, session, model.dtype(), product);
    }
    ObjectNode json = BenchDevice.json("copy", session);
    json.put("side_by_side", chains);
    json.put(
        "gb_per_second", Timings.rounded(rates.copies(BenchDevice.copiedElements(session)) / GIGA));
    print(json);
    return 0;
  }

  private void measure(
      DeviceRates rates, SessionOptions session, WeightDtype dtype, MatrixProduct product)
      throws IOException {
    for (boolean xla : compiled()) {
      ObjectNode json = BenchDevice.json("matmul", session);
      json.put("dtype", dtype.hfName());
      json.put("rows", product.rows());
      json.put("inner", product.inner());
      json.put("columns", product.columns());
      json.put("xla", xla);
      if (!session.device().isGpu()) {
        json.put("threads_per_op", Math.max(1, threadsPerOp));
        json.put("side_by_side", threadsPerOp == 0 ? session.replicas() : 1);
      }
      json.put("gflops", Timings.rounded(rates.products(dtype, product, xla) / GIGA));
      print(json);
    }
  }

  /**
   * The values of XLA that {@code --compile} means.
   *
   * @throws IllegalArgumentException if it is none of on, off and both
   */
  private List<Boolean> compiled() {
    return switch (compile) {
      case "on" -> List.of(true);
      case "off" -> List.of(false);
      case "both" -> List.of(false, true);
      default ->
          throw new IllegalArgumentException("--compile must be on, off or both, got " + compile);
    };
  }

  private List<Integer> sizes(boolean gpu) {
    return sizes != null ? sizes : gpu ? List.of(4096, 8192) : List.of(1024);
  }

  private List<String> dtypes(boolean gpu) {
    return dtypes != null
        ? dtypes
        : gpu ? List.of("float32", "bfloat16", "float16") : List.of("float32", "bfloat16");
  }

  private List<MatrixProduct> productsOfAStep(SessionOptions session) {
    List<MatrixProduct> products = new ArrayList<>();
    if (tokens > 0) {
      Sizes sizes = model.config().sizes();
      int rows = tokens / session.replicas();
      int hidden = sizes.hiddenSize();
      products.add(new MatrixProduct(rows, hidden, hidden));
      products.add(new MatrixProduct(rows, hidden, sizes.intermediateSize()));
      products.add(new MatrixProduct(rows, sizes.intermediateSize(), hidden));
      products.add(new MatrixProduct(rows, hidden, sizes.vocabSize()));
    }
    return products;
  }

  private void print(ObjectNode json) {
    Objects.requireNonNull(spec).commandLine().getOut().println(json);
  }
}
