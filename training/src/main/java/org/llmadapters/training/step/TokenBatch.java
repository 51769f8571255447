package org.llmadapters.training.step;

import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.types.TInt32;

/**
 * A batch as tensors; whoever makes one closes it.
 *
 * @param shape B and T
 * @param inputIds int32 [B, T]
 * @param attentionMask int32 [B, T], 1 at real tokens, 0 at padding; 1, 2, 3 ... where a row holds
 *     several documents
 * @param labels int32 [B, T], -100 at tokens that are not to be predicted
 * @param seed int32 [2], for dropout
 */
public record TokenBatch(
    StepShape shape, TInt32 inputIds, TInt32 attentionMask, TInt32 labels, TInt32 seed)
    implements AutoCloseable {

  /** Copies arrays [B][T]; {@code seed} feeds the dropout of this batch. */
  public static TokenBatch of(int[][] inputIds, int[][] attentionMask, int[][] labels, long seed) {
    return new TokenBatch(
        new StepShape(inputIds.length, inputIds[0].length),
        TInt32.tensorOf(StdArrays.ndCopyOf(inputIds)),
        TInt32.tensorOf(StdArrays.ndCopyOf(attentionMask)),
        TInt32.tensorOf(StdArrays.ndCopyOf(labels)),
        TInt32.vectorOf((int) seed, (int) (seed >>> 32)));
  }

  @Override
  public void close() {
    inputIds.close();
    attentionMask.close();
    labels.close();
    seed.close();
  }
}
