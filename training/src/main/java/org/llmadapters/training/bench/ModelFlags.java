package org.llmadapters.training.bench;

import java.util.List;
import java.util.OptionalInt;
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
  @Option(names = "--hidden-size", defaultValue = "512", description = "(default ${DEFAULT-VALUE})")
  private int hiddenSize;

  @Option(
      names = "--num-hidden-layers",
      defaultValue = "8",
      description = "(default ${DEFAULT-VALUE})")
  private int numHiddenLayers;

  @Option(
      names = "--num-attention-heads",
      defaultValue = "8",
      description = "(default ${DEFAULT-VALUE})")
  private int numAttentionHeads;

  @Option(
      names = "--num-key-value-heads",
      defaultValue = "0",
      description = "(default as many as attention heads)")
  private int numKeyValueHeads;

  @Option(
      names = "--intermediate-size",
      defaultValue = "1376",
      description = "(default ${DEFAULT-VALUE})")
  private int intermediateSize;

  @Option(names = "--vocab-size", defaultValue = "8000", description = "(default ${DEFAULT-VALUE})")
  private int vocabSize;

  @Option(
      names = "--dtype",
      defaultValue = "bfloat16",
      description =
          "float32, bfloat16 or float16; for train also int8 or nf4 (default ${DEFAULT-VALUE})")
  private String dtype = "";

  ModelConfig config() {
    return config(numHiddenLayers);
  }

  /** The model with another number of layers than the flag says. */
  ModelConfig config(int layers) {
    int keyValueHeads = numKeyValueHeads == 0 ? numAttentionHeads : numKeyValueHeads;
    return Architecture.LLAMA
        .family()
        .config(
            new Sizes(vocabSize, hiddenSize, intermediateSize, layers, 4096),
            new AttentionConfig(numAttentionHeads, keyValueHeads, hiddenSize / numAttentionHeads),
            new TokenIds(OptionalInt.of(1), List.of(), OptionalInt.of(0)));
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
}
