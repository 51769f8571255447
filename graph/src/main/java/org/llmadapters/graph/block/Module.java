package org.llmadapters.graph.block;

import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;

/**
 * One module of a model while it is being built: where its operations go and what its parameters
 * are called.
 *
 * @param tf creates operations named {@code <path with / for .>/...}, under {@code decode/} in the
 *     decode graph
 * @param path as in the checkpoint: {@code model.layers.0.self_attn}; the same in both graphs
 * @param variables the weights of the model, shared by both graphs
 */
record Module(Ops tf, String path, Variables variables) {

  /**
   * The child called {@code name}; to be asked for once per graph, since TensorFlow renames a
   * scope's second opening.
   */
  Module child(String name) {
    return new Module(tf.withSubScope(name), path.isEmpty() ? name : path + "." + name, variables);
  }

  /** The module at the dotted {@code relativePath} below this one. */
  Module descendant(String relativePath) {
    Module module = this;
    for (String name : relativePath.split("\\.", -1)) {
      module = module.child(name);
    }
    return module;
  }

  /** Parameter {@code <path>.<name>}: dtype [shape]. */
  Operand<TFloating> parameter(String name, long... shape) {
    return variables.read(path + "." + name, shape);
  }

  WeightDtype dtype() {
    return variables.dtype();
  }
}
