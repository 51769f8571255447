package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Rows of a matrix by their number.
 *
 * <p>A site: the nodes {@code <path>/input} and {@code <path>/output} are what adapters attach to.
 */
final class Embedding {
  private final Module module;
  private final long rows;
  private final long width;

  Embedding(Module module, long rows, long width) {
    this.module = module;
    this.rows = rows;
    this.width = width;
  }

  /**
   * The rows called for.
   *
   * @param ids int32 [B, T], each below the number of rows
   * @return dtype [B, T, width]
   */
  Operand<TFloating> apply(Operand<TInt32> ids) {
    var tf = module.tf();
    return tf.withName("output")
        .identity(
            tf.gather(
                module.parameter("weight", rows, width),
                tf.withName("input").identity(ids),
                tf.constant(0)));
  }
}
