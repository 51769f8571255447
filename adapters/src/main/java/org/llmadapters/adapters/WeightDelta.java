package org.llmadapters.adapters;

/** {@code scaling * left right}, [rows, columns], to be added to a weight. */
public final class WeightDelta {
  private final float[] left;
  private final float[] right;
  private final int r;
  private final double scaling;

  /**
   * A delta of rank {@code r}.
   *
   * @param left [rows, r], row-major
   * @param right [r, columns], row-major
   * @param r inner size
   * @param scaling factor of the product
   */
  WeightDelta(float[] left, float[] right, int r, double scaling) {
    this.left = left;
    this.right = right;
    this.r = r;
    this.scaling = scaling;
  }

  /** The delta of the transposed weight, [columns, rows]. */
  WeightDelta transposed() {
    return new WeightDelta(transpose(right, r), transpose(left, left.length / r), r, scaling);
  }

  private static float[] transpose(float[] matrix, int rows) {
    int columns = matrix.length / rows;
    float[] transposed = new float[matrix.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        transposed[column * rows + row] = matrix[row * columns + column];
      }
    }
    return transposed;
  }

  /**
   * Adds row {@code row} of the delta to {@code weights}, accumulated in double and rounded once.
   *
   * @param weights the row of the weight, [columns]
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
