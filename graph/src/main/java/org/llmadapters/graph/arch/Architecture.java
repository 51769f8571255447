package org.llmadapters.graph.arch;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.block.DecoderModel;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.PositionEncoding;

/** The model families, by the {@code model_type} of their {@code config.json}. */
public enum Architecture {
  LLAMA(Llama.FAMILY),
  MISTRAL(Mistral.FAMILY),
  QWEN2(Qwen2.FAMILY),
  QWEN3(Qwen3.FAMILY),
  GEMMA(Gemma.FAMILY),
  BLOOM(Bloom.FAMILY),
  OPT(Opt.FAMILY),
  GPT_J(GptJ.FAMILY),
  GPT_NEOX(GptNeoX.FAMILY),
  GPT_NEO(GptNeo.FAMILY),
  GPT_2(Gpt2.FAMILY);

  private final Family family;

  Architecture(Family family) {
    this.family = family;
  }

  /** What sets the family apart. */
  public Family family() {
    return family;
  }

  /** {@code model_type} of {@code config.json}. */
  public String modelType() {
    return family.modelType();
  }

  /** How the family's blocks are wired and named. */
  public BlockSpec spec() {
    return family.spec();
  }

  /** All values of {@code model_type} that are supported. */
  public static List<String> modelTypes() {
    return Arrays.stream(values()).map(Architecture::modelType).toList();
  }

  /**
   * The longest sequence that the model was made for, in tokens: {@code max_position_embeddings}.
   * Empty where any length goes: with ALiBi, and with rotary positions that stretch with the
   * length.
   */
  public static OptionalInt maxPositions(ModelConfig config) {
    boolean stretches =
        config.rope().map(rope -> rope.scaling() instanceof RopeScaling.Dynamic).orElse(false);
    return stretches || of(config.modelType()).spec().positions() == PositionEncoding.ALIBI
        ? OptionalInt.empty()
        : OptionalInt.of(config.sizes().maxPositionEmbeddings());
  }

  /**
   * The graph of a model with the sizes of {@code config} and weights of {@code dtype}.
   *
   * @throws IllegalArgumentException if its family is none of {@link #modelTypes()}
   */
  public static BaseGraph build(ModelConfig config, WeightDtype dtype) {
    return DecoderModel.build(of(config.modelType()).spec(), config, dtype);
  }

  /**
   * The family of {@code modelType}.
   *
   * @throws IllegalArgumentException if it is none of {@link #modelTypes()}
   */
  public static Architecture of(String modelType) {
    return Arrays.stream(values())
        .filter(architecture -> architecture.modelType().equals(modelType))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unsupported model_type \""
                        + modelType
                        + "\"; supported: "
                        + String.join(", ", modelTypes())));
  }
}
