package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.hf.HfCheckpoint;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.arch.Family;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;
import org.llmadapters.graph.savedmodel.VariableSaver;

/**
 * Turns a Hugging Face checkpoint into a base SavedModel:
 *
 * <pre>
 *   saved_model.pb   the graph, with signatures serving_default and decode
 *   variables/       one entry per weight, under its name in the checkpoint
 *   assets.extra/    config.json, generation_config.json and the tokenizer's files, as they came
 * </pre>
 *
 * <p>Weights are streamed from file to file, whatever their size. Quantized, those of the blocks'
 * linear layers have several entries, as {@link QuantizedGraph} tells.
 */
public final class Converter {

  private Converter() {}

  /**
   * What was converted.
   *
   * @param format of the weights now
   * @param parameters number of weights' elements
   * @param bytes size of the weights in that format
   * @param dropped tensors of the checkpoint that the model does not need
   * @param tokenizer the file of the tokenizer that came along
   */
  public record Report(
      WeightFormat format,
      long parameters,
      long bytes,
      List<String> dropped,
      Optional<String> tokenizer) {
    public Report {
      dropped = List.copyOf(dropped);
    }
  }

  /**
   * Converts {@code checkpoint} to {@code output} in the dtype that it is stored in; else as {@link
   * #convert(Path, Path, WeightFormat, boolean)}.
   */
  public static Report convert(Path checkpoint, Path output, boolean overwrite) throws IOException {
    DirectoryKind.CHECKPOINT.require(checkpoint);
    HfConfig config = HfConfig.read(checkpoint);
    return convert(
        checkpoint, config.model(), output, WeightFormat.of(config.storedDtype()), overwrite);
  }

  /**
   * Converts {@code checkpoint} to {@code output}, which appears only when it is whole.
   *
   * @param overwrite whether a non-empty {@code output} is replaced
   * @throws org.llmadapters.graph.FormatException if the checkpoint is not what its config says;
   *     all problems at once
   * @throws IllegalArgumentException if {@code output} is not empty and not to be overwritten
   */
  public static Report convert(Path checkpoint, Path output, WeightFormat format, boolean overwrite)
      throws IOException {
    DirectoryKind.CHECKPOINT.require(checkpoint);
    return convert(checkpoint, HfConfig.read(checkpoint).model(), output, format, overwrite);
  }

  /** All weights in {@code dtype}; else as {@link #convert(Path, Path, WeightFormat, boolean)}. */
  public static Report convert(Path checkpoint, Path output, WeightDtype dtype, boolean overwrite)
      throws IOException {
    return convert(checkpoint, output, WeightFormat.of(dtype), overwrite);
  }

  private static Report convert(
      Path checkpoint, ModelConfig config, Path output, WeightFormat format, boolean overwrite)
      throws IOException {
    BaseGraph base = Architecture.build(config, format.dtype());
    try (HfCheckpoint weights = HfCheckpoint.open(checkpoint)) {
      List<String> dropped = weights.check(base.weights(), droppable(config));
      try (OutputDirectory directory = OutputDirectory.create(output, overwrite, checkpoint)) {
        BaseGraph stored =
            format.quantization().map(by -> QuantizedGraph.of(base, by)).orElse(base);
        writeGraph(stored, directory.path());
        copyWeights(base, format, weights, directory.path());
        Path assets = directory.path().resolve(ModelAssets.DIRECTORY);
        ModelAssets.copy(checkpoint, assets);
        Optional<String> tokenizer = ModelAssets.tokenizer(assets);
        directory.commit();
        long parameters = base.weights().stream().mapToLong(Weight::elements).sum();
        long bytes = stored.weights().stream().mapToLong(Weight::bytes).sum();
        return new Report(format, parameters, bytes, dropped, tokenizer);
      }
    }
  }

  /**
   * Tensors that checkpoints may have and the model does not need: tables that older versions of
   * transformers saved, and the copy of the embedding that stands for a tied output layer.
   */
  static Set<String> droppable(ModelConfig config) {
    Family family = Architecture.of(config.modelType()).family();
    Set<String> droppable = new HashSet<>(family.leftovers());
    if (config.tieWordEmbeddings()) {
      droppable.add(family.spec().names().model().lmHead() + ".weight");
    }
    return droppable;
  }

  static void writeGraph(BaseGraph base, Path directory) throws IOException {
    VariableSaver.Saver saver = VariableSaver.addTo(base.graphDef(), base.weights());
    SavedModelWriter.write(directory, saver.graph(), base.signatures(), saver.saverDef());
  }

  private static void copyWeights(
      BaseGraph base, WeightFormat format, HfCheckpoint checkpoint, Path directory)
      throws IOException {
    Set<String> quantized =
        format.quantization().isPresent() ? QuantizedGraph.quantizable(base).keySet() : Set.of();
    long total = base.weights().stream().mapToLong(Weight::bytes).sum();
    try (Progress progress = Progress.start("converting", total, "bytes");
        TensorBundleWriter bundle =
            TensorBundleWriter.create(
                SavedModelWriter.variables(directory), TensorBundleWriter.DEFAULT_SHARD_BYTES)) {
      for (Weight weight : base.weights()) {
        if (quantized.contains(weight.name())) {
          new WeightQuantizer(format.quantization().orElseThrow(), checkpoint.file().path(), bundle)
              .add(weight, out -> copyWeight(checkpoint, weight, WeightDtype.FLOAT32, out));
          progress.advance(weight.bytes());
        } else {
          bundle.add(
              weight.name(),
              weight.dtype().dataType(),
              weight.shape(),
              channel ->
                  copyWeight(
                      checkpoint, weight, weight.dtype(), new CountingChannel(channel, progress)));
        }
      }
      bundle.finish();
    }
  }

  private static void copyWeight(
      HfCheckpoint checkpoint, Weight weight, WeightDtype dtype, WritableByteChannel channel)
      throws IOException {
    var tensor =
        checkpoint
            .find(weight.name())
            .orElseThrow(
                () ->
                    new IllegalStateException(weight.name() + " passed the check but is missing"));
    checkpoint.file().copyTo(tensor, dtype, channel);
  }
}
