package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.config.ModelConfig;
import picocli.CommandLine.Option;

/** The options of prefix tuning, prompt tuning and P-tuning, named as in PEFT. */
final class PromptFlags implements KindFlags {
  @Option(
      names = "--num-virtual-tokens",
      defaultValue = "30",
      description = "Of prefix, prompt and p-tuning (default ${DEFAULT-VALUE}).")
  private int numVirtualTokens;

  @Option(
      names = "--prefix-projection",
      description = "Train a prefix through two linear layers; only their result is stored.")
  private boolean prefixProjection;

  @Option(
      names = "--encoder-hidden-size",
      paramLabel = "N",
      description = "Width inside that, or of p-tuning's encoder (default: hidden_size).")
  private @Nullable Integer encoderHiddenSize;

  @Option(
      names = "--prompt-tuning-init-text",
      paramLabel = "TEXT",
      description = "A prompt starts as the embeddings of this text (default: random).")
  private @Nullable String promptTuningInitText;

  @Option(
      names = "--encoder-reparameterization-type",
      paramLabel = "TYPE",
      defaultValue = "MLP",
      description = "P-tuning's encoder: MLP or LSTM (default ${DEFAULT-VALUE}).")
  private String encoder = "";

  @Option(
      names = "--encoder-num-layers",
      defaultValue = "2",
      description = "Layers of p-tuning's LSTM (default ${DEFAULT-VALUE}).")
  private int encoderNumLayers;

  @Option(
      names = "--encoder-dropout",
      defaultValue = "0",
      description = "Dropout between them (default ${DEFAULT-VALUE}).")
  private double encoderDropout;

  @Override
  public boolean isFor(AdapterKind kind, String option) {
    Set<AdapterKind> kinds =
        switch (option) {
          case "--prefix-projection" -> Set.of(AdapterKind.PREFIX);
          case "--prompt-tuning-init-text" -> Set.of(AdapterKind.PROMPT);
          case "--encoder-hidden-size" -> Set.of(AdapterKind.PREFIX, AdapterKind.P_TUNING);
          case "--num-virtual-tokens" ->
              Set.of(AdapterKind.PREFIX, AdapterKind.PROMPT, AdapterKind.P_TUNING);
          default -> Set.of(AdapterKind.P_TUNING);
        };
    return kinds.contains(kind);
  }

  /**
   * The configuration of a {@code kind} that is one of these.
   *
   * @param directory base SavedModel, which tells the sizes
   * @throws IllegalArgumentException if an option is out of its range
   */
  AdapterConfig toConfig(AdapterKind kind, Path directory) throws IOException {
    ModelConfig model = BaseModel.readConfig(directory);
    int hidden = encoderHiddenSize == null ? model.sizes().hiddenSize() : encoderHiddenSize;
    return switch (kind) {
      case PREFIX ->
          new PrefixConfig(
              PromptLearning.ofKeysAndValues(numVirtualTokens, model),
              prefixProjection ? OptionalInt.of(hidden) : OptionalInt.empty(),
              PrefixConfig.Layout.LAYER_BY_LAYER);
      case PROMPT ->
          new PromptConfig(
              PromptLearning.ofEmbeddings(numVirtualTokens, model),
              Optional.ofNullable(promptTuningInitText));
      case P_TUNING ->
          new PTuningConfig(
              PromptLearning.ofEmbeddings(numVirtualTokens, model),
              PTuningConfig.Encoder.of(encoder),
              hidden,
              encoderNumLayers,
              encoderDropout);
      default -> throw new IllegalArgumentException(kind.cliName() + " has no virtual tokens");
    };
  }
}
