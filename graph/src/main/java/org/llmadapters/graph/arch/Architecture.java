package org.llmadapters.graph.arch;

import java.util.Arrays;
import java.util.List;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.block.DecoderModel;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.BlockSpec;

/** The model families, by the {@code model_type} of their {@code config.json}. */
public enum Architecture {
  LLAMA("llama", Llama.SPEC);

  private final String modelType;
  private final BlockSpec spec;

  Architecture(String modelType, BlockSpec spec) {
    this.modelType = modelType;
    this.spec = spec;
  }

  /** {@code model_type} of {@code config.json}. */
  public String modelType() {
    return modelType;
  }

  /** How the family's blocks are wired and named. */
  public BlockSpec spec() {
    return spec;
  }

  /** All values of {@code model_type} that are supported. */
  public static List<String> modelTypes() {
    return Arrays.stream(values()).map(Architecture::modelType).toList();
  }

  /**
   * The graph of a model with the sizes of {@code config} and weights of {@code dtype}.
   *
   * @throws IllegalArgumentException if its family is none of {@link #modelTypes()}
   */
  public static BaseGraph build(ModelConfig config, WeightDtype dtype) {
    return DecoderModel.build(of(config.modelType()).spec, config, dtype);
  }

  /**
   * The family of {@code modelType}.
   *
   * @throws IllegalArgumentException if it is none of {@link #modelTypes()}
   */
  public static Architecture of(String modelType) {
    return Arrays.stream(values())
        .filter(architecture -> architecture.modelType.equals(modelType))
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
