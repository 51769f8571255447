package org.llmadapters.graph.savedmodel;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.tensorflow.proto.DataType;

/** Sizes of tensors in bytes, for the dtypes whose elements all have one size. */
final class ElementSize {
  private static final Map<DataType, Integer> BYTES =
      Map.ofEntries(
          Map.entry(DataType.DT_BOOL, 1),
          Map.entry(DataType.DT_INT8, 1),
          Map.entry(DataType.DT_UINT8, 1),
          Map.entry(DataType.DT_FLOAT8_E5M2, 1),
          Map.entry(DataType.DT_FLOAT8_E4M3FN, 1),
          Map.entry(DataType.DT_INT16, 2),
          Map.entry(DataType.DT_UINT16, 2),
          Map.entry(DataType.DT_HALF, 2),
          Map.entry(DataType.DT_BFLOAT16, 2),
          Map.entry(DataType.DT_INT32, 4),
          Map.entry(DataType.DT_UINT32, 4),
          Map.entry(DataType.DT_FLOAT, 4),
          Map.entry(DataType.DT_INT64, 8),
          Map.entry(DataType.DT_UINT64, 8),
          Map.entry(DataType.DT_DOUBLE, 8));

  private ElementSize() {}

  /** Whether all elements of {@code dtype} have the same size; those of DT_STRING have not. */
  static boolean isFixed(DataType dtype) {
    return BYTES.containsKey(dtype);
  }

  /**
   * Size of a tensor of a fixed-size dtype in bytes, empty if a dimension is negative or if the
   * size does not fit a long.
   */
  static OptionalLong bytes(DataType dtype, List<Long> shape) {
    Integer elementBytes = BYTES.get(dtype);
    if (elementBytes == null) {
      throw new IllegalArgumentException(dtype + " has no fixed element size");
    }
    long bytes = elementBytes;
    for (long dimension : shape) {
      if (dimension < 0 || Math.multiplyHigh(bytes, dimension) != 0 || bytes * dimension < 0) {
        return OptionalLong.empty();
      }
      bytes *= dimension;
    }
    return OptionalLong.of(bytes);
  }
}
