package org.llmadapters.training;

/**
 * AdamW, as PyTorch computes it: {@code w -= lr * weight_decay * w}, then {@code w -= lr * m^ /
 * (sqrt(v^) + eps)} with the bias-corrected means {@code m^} and {@code v^} of the gradient and its
 * square.
 *
 * <p>Source: Loshchilov and Hutter 2017, arXiv:1711.05101; defaults of Hugging Face's Trainer.
 *
 * @param beta1 decay of the mean of gradients
 * @param beta2 decay of the mean of squares
 * @param eps added to the root of the mean square
 * @param weightDecay {@code weight_decay}
 * @param maxGradNorm {@code max_grad_norm}: gradients are scaled down to this global norm; 0 for no
 *     limit
 * @param rates the learning rates of LoRA's factors
 */
public record OptimizerConfig(
    double beta1,
    double beta2,
    double eps,
    double weightDecay,
    double maxGradNorm,
    FactorRates rates) {
  public OptimizerConfig {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must be in [0, 1), got " + beta1 + " and " + beta2);
    }
    if (!(eps > 0 && eps < 1)) {
      throw new IllegalArgumentException("eps must be in (0, 1), got " + eps);
    }
    if (!(weightDecay >= 0 && weightDecay < 1)) {
      throw new IllegalArgumentException("weight_decay must be in [0, 1), got " + weightDecay);
    }
    if (!(maxGradNorm >= 0 && maxGradNorm < 1e9)) {
      throw new IllegalArgumentException("max_grad_norm must be in [0, 1e9), got " + maxGradNorm);
    }
  }

  /** All variables at the same learning rate. */
  public OptimizerConfig(
      double beta1, double beta2, double eps, double weightDecay, double maxGradNorm) {
    this(beta1, beta2, eps, weightDecay, maxGradNorm, FactorRates.EQUAL);
  }

  /** Betas 0.9 and 0.999, eps 1e-8, no weight decay, gradients of norm at most 1. */
  public static OptimizerConfig defaults() {
    return new OptimizerConfig(0.9, 0.999, 1e-8, 0, 1);
  }
}
