package org.llmadapters.adapters;

/** {@code scaling * left right}, [out, in], to be added to a weight. */
public final class WeightDelta {
  private final float[] left;
  private final float[] right;
  private final int r;
  private final double scaling;

  /**
   * A delta of rank {@code r}.
   *
   * @param left [out, r], row-major
   * @param right [r, in], row-major
   * @param r inner size
   * @param scaling factor of the product
   */
  WeightDelta(float[] left, float[] right, int r, double scaling) {
    this.left = left;
    this.right = right;
    this.r = r;
    this.scaling = scaling;
  }

  /**
   * Adds row {@code row} of the delta to {@code weights}, accumulated in double and rounded once.
   *
   * @param weights the row of the weight, [in]
   */
  public void addRow(int row, float[] weights) {
    double[] sum = new double[weights.length];
    for (int k = 0; k < r; k++) {
      double factor = left[row * r + k];
      int offset = k * weights.length;
      for (int i = 0; i < weights.length; i++) {
        sum[i] += factor * right[offset + i];
      }
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) (weights[i] + scaling * sum[i]);
    }
  }
}
