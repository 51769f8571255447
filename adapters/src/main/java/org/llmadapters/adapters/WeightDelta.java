package org.llmadapters.adapters;

import org.jspecify.annotations.Nullable;

/**
 * What merging makes of a weight, row by row: {@code W + scaling * left right}, [rows, columns], of
 * which every row has a given norm where there are norms.
 */
final class WeightDelta implements WeightChange {
  private final float[] left;
  private final float[] right;
  private final int r;
  private final double scaling;
  private final float @Nullable [] norms;

  /**
   * A delta of rank {@code r}.
   *
   * @param left [rows, r], row-major
   * @param right [r, columns], row-major
   * @param r inner size
   * @param scaling factor of the product
   */
  WeightDelta(float[] left, float[] right, int r, double scaling) {
    this(left, right, r, scaling, null);
  }

  private WeightDelta(
      float[] left, float[] right, int r, double scaling, float @Nullable [] norms) {
    this.left = left;
    this.right = right;
    this.r = r;
    this.scaling = scaling;
    this.norms = norms;
  }

  /**
   * The same, after which every row is scaled to its norm.
   *
   * @param norms [rows]
   */
  WeightDelta withNorms(float[] norms) {
    return new WeightDelta(left, right, r, scaling, norms);
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

  /** Computed in double and rounded once. */
  @Override
  public void mergeRow(int row, float[] weights) {
    double[] merged = new double[weights.length];
    for (int k = 0; k < r; k++) {
      double factor = left[row * r + k];
      int offset = k * weights.length;
      for (int i = 0; i < weights.length; i++) {
        merged[i] += factor * right[offset + i];
      }
    }
    for (int i = 0; i < weights.length; i++) {
      merged[i] = weights[i] + scaling * merged[i];
    }
    double factor = norms == null ? 1 : norms[row] / norm(merged);
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) (factor * merged[i]);
    }
  }

  private static double norm(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum);
  }
}
