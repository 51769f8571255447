package org.llmadapters.graph.block;

import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.ModuleNames;
import org.tensorflow.Operand;
import org.tensorflow.framework.activations.Swish;
import org.tensorflow.types.family.TFloating;

/** The gated MLP: {@code down(activation(gate(x)) * up(x))}. */
final class Mlp {
  private final Module module;
  private final ModuleNames.Mlp names;
  private final Activation activation;
  private final long hiddenSize;
  private final long intermediateSize;

  Mlp(
      Module module,
      ModuleNames.Mlp names,
      Activation activation,
      long hiddenSize,
      long intermediateSize) {
    this.module = module;
    this.names = names;
    this.activation = activation;
    this.hiddenSize = hiddenSize;
    this.intermediateSize = intermediateSize;
  }

  /**
   * The MLP's output, before the residual addition.
   *
   * @param x dtype [B, T, H]
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(Operand<TFloating> x, TokenShapes shapes) {
    Operand<TFloating> gate =
        new Linear(module.child(names.gate()), hiddenSize, intermediateSize, false)
            .apply(x, shapes); // [B, T, F]
    Operand<TFloating> up =
        new Linear(module.child(names.up()), hiddenSize, intermediateSize, false)
            .apply(x, shapes); // [B, T, F]
    Operand<TFloating> product = module.tf().math.mul(activate(gate), up);
    return new Linear(module.child(names.down()), intermediateSize, hiddenSize, false)
        .apply(product, shapes);
  }

  private Operand<TFloating> activate(Operand<TFloating> x) {
    return switch (activation) {
      case SILU -> Swish.swish(module.tf(), x);
    };
  }
}
