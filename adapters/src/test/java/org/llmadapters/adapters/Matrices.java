package org.llmadapters.adapters;

import java.util.Arrays;

/** Small matrices as rows of float64. */
final class Matrices {
  private Matrices() {}

  /**
   * Singular values in falling order: the norms of the columns once rotations have made them
   * orthogonal.
   */
  static double[] singularValues(double[][] matrix) {
    double[][] columns = transposed(matrix);
    for (int sweep = 0; sweep < 30; sweep++) {
      for (int p = 0; p < columns.length; p++) {
        for (int q = p + 1; q < columns.length; q++) {
          double angle =
              0.5
                  * Math.atan2(
                      2 * dot(columns[p], columns[q]),
                      dot(columns[p], columns[p]) - dot(columns[q], columns[q]));
          for (int i = 0; i < matrix.length; i++) {
            double x = columns[p][i];
            double y = columns[q][i];
            columns[p][i] = Math.cos(angle) * x + Math.sin(angle) * y;
            columns[q][i] = Math.cos(angle) * y - Math.sin(angle) * x;
          }
        }
      }
    }
    double[] norms =
        Arrays.stream(columns).mapToDouble(c -> -Math.sqrt(dot(c, c))).sorted().toArray();
    return Arrays.stream(norms).map(norm -> -norm).toArray();
  }

  /** Sum of products. */
  static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }

  /** Frobenius norm. */
  static double norm(double[][] matrix) {
    return Math.sqrt(Arrays.stream(matrix).mapToDouble(row -> dot(row, row)).sum());
  }

  /** {@code left right}. */
  static double[][] product(double[][] left, double[][] right) {
    double[][] columns = transposed(right);
    return Arrays.stream(left)
        .map(row -> Arrays.stream(columns).mapToDouble(column -> dot(row, column)).toArray())
        .toArray(double[][]::new);
  }

  /** {@code left - right}. */
  static double[][] minus(double[][] left, double[][] right) {
    double[][] difference = new double[left.length][left[0].length];
    for (int i = 0; i < left.length; i++) {
      for (int j = 0; j < left[0].length; j++) {
        difference[i][j] = left[i][j] - right[i][j];
      }
    }
    return difference;
  }

  /** {@code left + right}. */
  static double[][] plus(double[][] left, double[][] right) {
    return minus(left, minus(new double[right.length][right[0].length], right));
  }

  /** Rows as columns. */
  static double[][] transposed(double[][] matrix) {
    double[][] transposed = new double[matrix[0].length][matrix.length];
    for (int i = 0; i < matrix.length; i++) {
      for (int j = 0; j < matrix[0].length; j++) {
        transposed[j][i] = matrix[i][j];
      }
    }
    return transposed;
  }

  /** Row-major values as rows. */
  static double[][] matrix(float[] values, int columns) {
    double[][] matrix = new double[values.length / columns][columns];
    for (int i = 0; i < values.length; i++) {
      matrix[i / columns][i % columns] = values[i];
    }
    return matrix;
  }

  /** Rows as row-major values. */
  static float[] flat(double[][] matrix) {
    float[] values = new float[matrix.length * matrix[0].length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) matrix[i / matrix[0].length][i % matrix[0].length];
    }
    return values;
  }
}
