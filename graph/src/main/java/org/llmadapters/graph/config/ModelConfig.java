package org.llmadapters.graph.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.Residual;

/**
 * What a checkpoint's {@code config.json} says about its model, in Hugging Face's words.
 *
 * @param modelType {@code model_type}: names the family, e.g. {@code llama}
 * @param sizes widths, depth and vocabulary
 * @param attention heads and windows
 * @param rope rotary position embedding, where the family has it
 * @param activation {@code hidden_act}, the non-linearity of the MLP
 * @param biases which linear layers of a block have one
 * @param residual how attention and MLP are joined
 * @param normEps {@code rms_norm_eps} or {@code layer_norm_eps}, added to the mean square inside
 *     the norms
 * @param tieWordEmbeddings {@code tie_word_embeddings}: the output matrix is the embedding matrix
 * @param tokenIds ids with a meaning of their own
 */
public record ModelConfig(
    String modelType,
    Sizes sizes,
    AttentionConfig attention,
    Optional<RopeConfig> rope,
    Activation activation,
    Biases biases,
    Residual residual,
    double normEps,
    boolean tieWordEmbeddings,
    TokenIds tokenIds) {

  public ModelConfig {
    if (!(normEps > 0 && normEps < 1)) {
      throw new IllegalArgumentException("the norm's epsilon must be in (0, 1), got " + normEps);
    }
    attention.requireWindowPerLayer(sizes.numHiddenLayers());
    rope.ifPresent(rotary -> rotary.requireWithin(attention.headDim()));
    tokenIds.requireBelow(sizes.vocabSize());
  }

  /**
   * The model in a few words, for messages: {@code llama (hidden_size=4096, num_hidden_layers=32)}.
   */
  public String describe() {
    return "%s (hidden_size=%d, num_hidden_layers=%d)"
        .formatted(modelType, sizes.hiddenSize(), sizes.numHiddenLayers());
  }

  /**
   * Throws one {@link IllegalArgumentException} that lists every value of {@code named} that is not
   * in [1, max].
   */
  static void requirePositive(List<NamedSize> named) {
    List<String> problems = new ArrayList<>();
    for (NamedSize size : named) {
      if (size.value() < 1 || size.value() > size.max()) {
        problems.add(
            size.name() + " must be between 1 and " + size.max() + ", got " + size.value());
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  /** A size, the key it has in {@code config.json}, and the largest value that is believable. */
  record NamedSize(String name, int value, int max) {}
}
