package org.llmadapters.training.optimizer;

import java.util.Locale;
import java.util.regex.Pattern;
import org.llmadapters.graph.Weight;

/**
 * The update of the trained variables.
 *
 * @param optimizer its rule
 * @param weightDecay {@code weight_decay}
 * @param maxGradNorm {@code max_grad_norm}: gradients are scaled down to this global norm; 0 for no
 *     limit
 * @param rates the learning rates of single variables
 */
public record OptimizerConfig(
    Optimizer optimizer, double weightDecay, double maxGradNorm, LearningRates rates) {
  /**
   * As in the Trainer's {@code get_decay_parameter_names}; {@code ln_1} stands for its LayerNorm.
   */
  private static final Pattern NOT_DECAYED =
      Pattern.compile("bias|layernorm|rmsnorm|(^|[._])norm(\\.|$)|(^|\\.)ln_\\w+(\\.|$)");

  public OptimizerConfig {
    if (!(weightDecay >= 0 && weightDecay < 100)) {
      throw new IllegalArgumentException("weight_decay must be in [0, 100), got " + weightDecay);
    }
    if (!(maxGradNorm >= 0 && maxGradNorm < 1e9)) {
      throw new IllegalArgumentException("max_grad_norm must be in [0, 1e9), got " + maxGradNorm);
    }
  }

  /** AdamW with betas 0.9 and 0.999, eps 1e-8, no weight decay, gradients of norm at most 1. */
  public static OptimizerConfig defaults() {
    return new OptimizerConfig(AdamW.defaults(), 0, 1, LearningRates.EQUAL);
  }

  /**
   * The weight decay of {@code trained}: none for biases and the weights of norms, as in Hugging
   * Face's Trainer. All else decays: matrices, embeddings, LoRA's factors, DoRA's magnitudes, IA3's
   * scales, virtual tokens.
   *
   * <p>Source: transformers, {@code Trainer.get_decay_parameter_names}.
   */
  public double weightDecayOf(Weight trained) {
    return NOT_DECAYED.matcher(trained.name().toLowerCase(Locale.ROOT)).find() ? 0 : weightDecay;
  }
}
