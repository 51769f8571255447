package org.llmadapters.graph.block;

import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ModuleNames;
import org.tensorflow.Operand;
import org.tensorflow.types.family.TFloating;

/**
 * The MLP: {@code down(activation(gate(x)) * up(x))}, or {@code down(activation(up(x)))} where the
 * family has no gate.
 */
final class Mlp {
  private final Module module;
  private final BlockSpec spec;
  private final ModelConfig config;

  Mlp(Module module, BlockSpec spec, ModelConfig config) {
    this.module = module;
    this.spec = spec;
    this.config = config;
  }

  /**
   * The MLP's output, before the residual addition.
   *
   * @param x dtype [B, T, H]
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(Operand<TFloating> x, TokenShapes shapes) {
    ModuleNames.Mlp names = spec.names().mlp();
    long hiddenSize = config.sizes().hiddenSize();
    long intermediateSize = config.sizes().intermediateSize();
    String gate = names.gate();
    Operand<TFloating> inner; // [B, T, F]
    if (gate == null) {
      inner = activate(linear(names.up(), hiddenSize, intermediateSize).apply(x, shapes));
    } else {
      Operand<TFloating> gated = linear(gate, hiddenSize, intermediateSize).apply(x, shapes);
      Operand<TFloating> up = linear(names.up(), hiddenSize, intermediateSize).apply(x, shapes);
      inner = module.tf().math.mul(activate(gated), up);
    }
    return linear(names.down(), intermediateSize, hiddenSize).apply(inner, shapes);
  }

  private Linear linear(String name, long in, long out) {
    return new Linear(module.child(name), spec.weights(), in, out, config.biases().mlp());
  }

  private Operand<TFloating> activate(Operand<TFloating> x) {
    return Activations.apply(module.tf(), config.activation(), x, module.dtype());
  }
}
