package org.llmadapters.graph;

import java.util.List;
import org.llmadapters.graph.config.WeightDtype;

/**
 * One variable of a model, under the name it has in a Hugging Face checkpoint.
 *
 * <p>The name of its {@code VarHandleOp} is {@link #node()}, its key in a TensorBundle is {@link
 * #name()}.
 *
 * @param name e.g. {@code model.layers.0.self_attn.q_proj.weight}
 * @param dtype of its elements
 * @param shape as in the checkpoint: a linear layer's is [out, in]
 */
public record Weight(String name, WeightDtype dtype, List<Long> shape) {

  public Weight {
    shape = List.copyOf(shape);
  }

  /** The node name: {@code /} in place of {@code .}. */
  public String node() {
    return name.replace('.', '/');
  }

  /** Number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** Size in bytes. */
  public long bytes() {
    return Math.multiplyExact(elements(), (long) dtype.bytes());
  }
}
