package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.llmadapters.graph.savedmodel.SavedModelReader;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundle;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;

/**
 * A base SavedModel that {@link Converter} wrote, opened for use. It holds no file open and no
 * native memory.
 *
 * @param directory where it lies
 * @param config of the model
 * @param dtype that it computes with
 * @param graph without the nodes that save and restore
 */
public record BaseModel(Path directory, ModelConfig config, WeightDtype dtype, BaseGraph graph) {

  /**
   * Opens the SavedModel in {@code directory}.
   *
   * @throws FormatException if it is not one that {@link Converter} wrote, or its weights do not
   *     fit its graph
   */
  public static BaseModel open(Path directory) throws IOException {
    DirectoryKind.BASE_MODEL.require(directory);
    MetaGraphDef metaGraph = SavedModelReader.read(directory);
    Map<String, SignatureDef> signatures = metaGraph.getSignatureDefMap();
    if (!signatures.containsKey("serving_default") || !signatures.containsKey("decode")) {
      throw new FormatException(
          directory,
          "has the signatures %s, expected serving_default and decode; make a base model with: llm-adapters convert",
          signatures.keySet());
    }
    List<String> outputs = new ArrayList<>();
    for (SignatureDef signature : signatures.values()) {
      signature.getInputsMap().values().stream().map(TensorInfo::getName).forEach(outputs::add);
      signature.getOutputsMap().values().stream().map(TensorInfo::getName).forEach(outputs::add);
    }
    var graphDef = GraphPruner.keep(metaGraph.getGraphDef(), outputs);
    List<Weight> weights = VariablesAsInputs.of(graphDef).variables();
    checkBundle(TensorBundle.open(SavedModelWriter.variables(directory)), weights, directory);
    ModelConfig config = HfConfig.read(directory.resolve(ModelAssets.DIRECTORY)).model();
    return new BaseModel(
        directory, config, weights.get(0).dtype(), new BaseGraph(graphDef, weights, signatures));
  }

  /**
   * The configuration of the model in {@code directory}, without opening its graph.
   *
   * @throws FormatException if it is not a base SavedModel
   */
  public static ModelConfig readConfig(Path directory) throws IOException {
    DirectoryKind.BASE_MODEL.require(directory);
    return HfConfig.read(directory.resolve(ModelAssets.DIRECTORY)).model();
  }

  /** The family of the model in {@code directory}, as {@link #readConfig} finds it. */
  public static Architecture architecture(Path directory) throws IOException {
    return Architecture.of(readConfig(directory).modelType());
  }

  private static void checkBundle(TensorBundle bundle, List<Weight> weights, Path directory) {
    List<String> problems = new ArrayList<>();
    for (Weight weight : weights) {
      TensorBundle.Entry entry = bundle.entries().get(weight.name());
      if (entry == null) {
        problems.add(weight.name() + ": missing");
      } else if (entry.dtype() != weight.dtype().dataType()
          || !entry.shape().equals(weight.shape())) {
        problems.add(
            weight.name()
                + ": "
                + entry.dtype()
                + " "
                + entry.shape()
                + ", expected "
                + weight.dtype().dataType()
                + " "
                + weight.shape());
      }
    }
    if (weights.isEmpty() || !problems.isEmpty()) {
      throw new FormatException(
          directory, "variables/ does not fit the graph:%n  %s", String.join("\n  ", problems));
    }
  }

  /** Prefix of the TensorBundle with the weights. */
  public Path variables() {
    return SavedModelWriter.variables(directory);
  }

  /** The folder with {@code config.json} and the tokenizer. */
  public Path assets() {
    return directory.resolve(ModelAssets.DIRECTORY);
  }

  /**
   * The ids that end a generated text: those of {@code generation_config.json} if it names any,
   * else the model's.
   */
  public List<Integer> endIds() throws IOException {
    Path file = assets().resolve("generation_config.json");
    if (Files.isRegularFile(file)) {
      JsonFields fields = JsonFields.of(file, Json.readObject(file));
      List<Integer> ids = fields.has("eos_token_id") ? fields.ints("eos_token_id") : List.of();
      fields.throwIfAny();
      if (!ids.isEmpty()) {
        return ids;
      }
    }
    return config.tokenIds().eos();
  }

  /** Number of parameters. */
  public long parameters() {
    return QuantizedGraph.weights(graph).stream().mapToLong(Weight::elements).sum();
  }

  /** What the weights are stored as. */
  public WeightFormat format() {
    return new WeightFormat(dtype, QuantizedGraph.quantization(graph.graphDef()));
  }

  /**
   * Does nothing if the weights are stored as they are.
   *
   * @param purpose what cannot be done with quantized ones
   * @throws IllegalArgumentException if they are quantized
   */
  public void requireUnquantized(String purpose) {
    format()
        .quantization()
        .ifPresent(
            found -> {
              throw new IllegalArgumentException(
                  directory
                      + ": its weights are stored as "
                      + found.cliName()
                      + ", and "
                      + purpose
                      + "; convert the checkpoint with --dtype bfloat16");
            });
  }

  /** The model's tokenizer, if its checkpoint came with one; caller closes. */
  public Optional<Tokenizer> tokenizer() throws IOException {
    return Tokenizers.load(assets());
  }

  /**
   * The model's tokenizer; caller closes.
   *
   * @throws FormatException if its checkpoint came without one
   */
  public Tokenizer requireTokenizer() throws IOException {
    return tokenizer()
        .orElseThrow(
            () ->
                new FormatException(
                    assets(),
                    "no tokenizer: put tokenizer.json or tokenizer.model beside config.json in the checkpoint and convert again"));
  }
}
