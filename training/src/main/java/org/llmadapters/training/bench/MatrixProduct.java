package org.llmadapters.training.bench;

/**
 * A product of matrices: [rows, inner] times [inner, columns].
 *
 * @param rows of the first factor
 * @param inner its columns
 * @param columns of the second factor
 */
record MatrixProduct(int rows, int inner, int columns) {
  MatrixProduct {
    if (rows < 1 || inner < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "sizes of a product must be >= 1, got " + rows + " x " + inner + " x " + columns);
    }
  }

  static MatrixProduct square(int size) {
    return new MatrixProduct(size, size, size);
  }

  /** A multiplication and an addition for each term. */
  double flops() {
    return 2.0 * rows * inner * columns;
  }
}
