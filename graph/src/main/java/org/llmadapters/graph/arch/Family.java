package org.llmadapters.graph.arch;

import com.google.common.collect.ImmutableSet;
import com.google.errorprone.annotations.Immutable;
import java.util.Optional;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ConfigKeys;

/**
 * All that sets a model family apart.
 *
 * @param modelType {@code model_type} of {@code config.json}
 * @param className the class of transformers, as in {@code architectures}
 * @param spec how its blocks are wired and named
 * @param keys how it spells {@code config.json}
 * @param leftovers tensors that its checkpoints may have and that are not weights (tables that
 *     older versions of transformers saved), by the end of their names
 */
@Immutable
public record Family(
    String modelType,
    String className,
    BlockSpec spec,
    ConfigKeys keys,
    ImmutableSet<String> leftovers) {
  private static final double ROPE_THETA = 10000;

  /** A model of these sizes with the family's defaults for all else; rotary base 10000. */
  public ModelConfig config(Sizes sizes, AttentionConfig attention, TokenIds tokenIds) {
    ConfigKeys.Defaults defaults = keys.defaults();
    int rotaryDim = (int) (attention.headDim() * defaults.rotaryFraction());
    return new ModelConfig(
        modelType,
        sizes,
        attention,
        spec.positions().isRotary()
            ? Optional.of(new RopeConfig(ROPE_THETA, rotaryDim, new RopeScaling.None()))
            : Optional.empty(),
        defaults.activation(),
        defaults.biases(),
        defaults.residual(),
        defaults.normEps(),
        defaults.tieWordEmbeddings(),
        tokenIds);
  }
}
