package org.llmadapters.training.bench;

import java.util.List;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.training.step.StepShape;

/**
 * The floating-point operations that matrix products of a LoRA training step need: what a step of
 * the model is, however it is computed.
 *
 * <p>Of every token:
 *
 * <pre>
 *   4 for each frozen weight of a linear layer: 2 forward, 2 for the gradient by its input;
 *     that by the weight itself is not needed
 *   6 for each weight of LoRA: 2 forward, 2 for the gradient by its input, 2 for its own
 *   12 T h d in each block, for T tokens in a row and h heads of d: scores and what they weigh
 *     are 2 T h d each, and each has two gradients
 * </pre>
 *
 * <p>Half of the scores are masked; they count, as they are computed. The gradients by the first
 * block's input, which nothing needs, count as well: they are less than 1 / (2 layers) of the sum.
 * Computing blocks again for their gradients does not count.
 */
final class StepFlops {
  private StepFlops() {}

  /**
   * Operations of one step.
   *
   * @param weights of the model, as they are multiplied
   * @param lora its factors
   */
  static long of(
      ModelConfig config, List<Weight> weights, List<AdapterParameter> lora, StepShape shape) {
    AttentionConfig attention = config.attention();
    long frozen =
        weights.stream().filter(StepFlops::isMultiplied).mapToLong(Weight::elements).sum();
    long trained = lora.stream().mapToLong(AdapterParameter::elements).sum();
    long products = 12L * shape.length() * attention.numAttentionHeads() * attention.headDim();
    long tokens = (long) shape.batch() * shape.length();
    return tokens * (4 * frozen + 6 * trained + products * config.sizes().numHiddenLayers());
  }

  /** All matrices but the embedding, which is looked up. */
  private static boolean isMultiplied(Weight weight) {
    return weight.shape().size() == 2 && !weight.name().contains("embed_tokens");
  }
}
