package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import picocli.CommandLine.Option;

/** The sizes of the LLaMA that is measured; its weights are random. */
final class ModelFlags {
  private static final int POSITIONS = 4096;

  /** Sizes by the name of the preset. */
  private static final Map<String, Preset> PRESETS =
      Map.of(
          "small", new Preset(new Sizes(8000, 512, 1376, 8, POSITIONS), 8),
          "llama-7b", new Preset(new Sizes(32000, 4096, 11008, 32, POSITIONS), 32));

  /**
   * Sizes that have a name.
   *
   * @param sizes of the model
   * @param heads {@code num_attention_heads}
   */
  private record Preset(Sizes sizes, int heads) {}

  @Option(
      names = "--preset",
      defaultValue = "small",
      description =
          "Sizes that the flags below change: small (512 wide, 8 layers) or llama-7b (default ${DEFAULT-VALUE}).")
  private String preset = "";

  @Option(names = "--hidden-size", description = "(default: the preset's)")
  private @Nullable Integer hiddenSize;

  @Option(names = "--num-hidden-layers", description = "(default: the preset's)")
  private @Nullable Integer numHiddenLayers;

  @Option(names = "--num-attention-heads", description = "(default: the preset's)")
  private @Nullable Integer numAttentionHeads;

  @Option(names = "--num-key-value-heads", description = "(default: as many as attention heads)")
  private @Nullable Integer numKeyValueHeads;

  @Option(names = "--intermediate-size", description = "(default: the preset's)")
  private @Nullable Integer intermediateSize;

  @Option(names = "--vocab-size", description = "(default: the preset's)")
  private @Nullable Integer vocabSize;

  @Option(
      names = "--dtype",
      defaultValue = "bfloat16",
      description =
          "float32, bfloat16 or float16; for train also int8 or nf4 (default ${DEFAULT-VALUE})")
  private String dtype = "";

  ModelConfig config() {
    return config(or(numHiddenLayers, preset().sizes.numHiddenLayers()));
  }

  /** The model with another number of layers than the flag says. */
  ModelConfig config(int layers) {
    Sizes sizes = preset().sizes;
    int heads = or(numAttentionHeads, preset().heads);
    int hidden = or(hiddenSize, sizes.hiddenSize());
    if (heads < 1 || hidden % heads != 0) {
      throw new IllegalArgumentException(
          "--hidden-size must be a multiple of --num-attention-heads, got "
              + hidden
              + " and "
              + heads);
    }
    return Architecture.LLAMA
        .family()
        .config(
            new Sizes(
                or(vocabSize, sizes.vocabSize()),
                hidden,
                or(intermediateSize, sizes.intermediateSize()),
                layers,
                POSITIONS),
            new AttentionConfig(heads, or(numKeyValueHeads, heads), hidden / heads),
            new TokenIds(OptionalInt.of(1), List.of(), OptionalInt.of(0)));
  }

  private Preset preset() {
    Preset known = PRESETS.get(preset);
    if (known == null) {
      throw new IllegalArgumentException("--preset must be small or llama-7b, got " + preset);
    }
    return known;
  }

  private static int or(@Nullable Integer given, int otherwise) {
    return given == null ? otherwise : given;
  }

  WeightDtype dtype() {
    return WeightDtype.of(dtype);
  }

  /** The dtype, or how the weights are quantized. */
  WeightFormat format() {
    return WeightFormat.of(dtype);
  }

  /** The name of the format. */
  String formatName() {
    return dtype;
  }

  /** Adds what tells the model from others. */
  void addSizes(ObjectNode json) {
    Sizes sizes = config().sizes();
    json.put("hidden_size", sizes.hiddenSize());
    json.put("num_hidden_layers", sizes.numHiddenLayers());
  }
}
