package org.llmadapters.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfCheckpointWriter;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.step.ReplicatedFunction;

/**
 * The whole model, every weight trained in float32 and rounded to the model's dtype where it is
 * used. The result is a Hugging Face checkpoint in that dtype.
 */
public final class FullTrainee implements Trainee {
  private final BaseGraph graph;
  private final WeightDtype dtype;
  private final ObjectNode config;
  private final Path assets;
  private final ModelSession session;

  private FullTrainee(
      BaseGraph graph, WeightDtype dtype, ObjectNode config, Path assets, SessionOptions options) {
    this.graph = graph;
    this.dtype = dtype;
    this.config = config;
    this.assets = assets;
    this.session = new ModelSession(options);
    session.declare(masters(graph));
  }

  /**
   * The weights of {@code base}; caller closes.
   *
   * @throws IllegalArgumentException if they are quantized
   */
  public static FullTrainee of(BaseModel base, SessionOptions options) throws IOException {
    base.requireUnquantized("--adapter full trains weights");
    ObjectNode config = HfConfig.read(base.assets()).raw().deepCopy();
    FullTrainee trainee =
        new FullTrainee(base.graph(), base.dtype(), config, base.assets(), options);
    trainee.session.restore(base.variables(), base.graph().weights());
    return trainee;
  }

  /** Random weights for the {@code config.json} in {@code directory}; caller closes. */
  public static FullTrainee random(Path directory, long seed, SessionOptions options)
      throws IOException {
    HfConfig config = HfConfig.read(directory);
    BaseGraph graph = Architecture.build(config.model(), config.storedDtype());
    FullTrainee trainee =
        new FullTrainee(graph, config.storedDtype(), config.raw().deepCopy(), directory, options);
    RandomWeights.assign(trainee.session, graph.weights(), seed);
    return trainee;
  }

  /** The variables that are trained in place of the weights of {@code graph}. */
  static List<Weight> masters(BaseGraph graph) {
    return graph.weights().stream()
        .map(weight -> new Weight(weight.name(), WeightDtype.FLOAT32, weight.shape()))
        .toList();
  }

  @Override
  public ModelSession session() {
    return session;
  }

  @Override
  public ReplicatedFunction.Computation training() {
    return new ReplicatedFunction.Computation(graph.graphDef(), masters(graph), null);
  }

  @Override
  public ReplicatedFunction.Computation inference() {
    return new ReplicatedFunction.Computation(graph.graphDef(), List.of(), null);
  }

  @Override
  public WeightDtype dtype() {
    return dtype;
  }

  @Override
  public long totalParameters() {
    return graph.weights().stream().mapToLong(Weight::elements).sum();
  }

  @Override
  public void save(Path directory) throws IOException {
    ModelAssets.copy(assets, directory);
    config.put("torch_dtype", dtype.hfName());
    if (config.has("dtype")) {
      config.put("dtype", dtype.hfName());
    }
    Json.write(directory.resolve(HfConfig.FILE), config);
    List<SafetensorsWriter.Entry> entries =
        graph.weights().stream()
            .map(weight -> new SafetensorsWriter.Entry(weight.name(), dtype, weight.shape()))
            .toList();
    Map<String, Weight> weights =
        graph.weights().stream().collect(Collectors.toMap(Weight::name, Function.identity()));
    HfCheckpointWriter.write(
        directory,
        entries,
        SafetensorsWriter.METADATA,
        HfCheckpointWriter.DEFAULT_SHARD_BYTES,
        (writer, entry) ->
            writer.write(
                entry.name(), session.value(Objects.requireNonNull(weights.get(entry.name())))));
  }

  @Override
  public void close() {
    session.close();
  }
}
