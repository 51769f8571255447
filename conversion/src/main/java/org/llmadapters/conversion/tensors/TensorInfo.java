package org.llmadapters.conversion.tensors;

import java.util.List;

/**
 * Where one tensor of a file is.
 *
 * @param name e.g. {@code model.embed_tokens.weight}
 * @param dtype by its name in safetensors files: {@code F32}, {@code BF16}, {@code I64}, ...
 * @param shape empty for a scalar
 * @param offset of its first element in the file, in bytes
 * @param bytes the length of all elements in bytes
 */
public record TensorInfo(String name, String dtype, List<Long> shape, long offset, long bytes) {

  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** Whether its elements can be read as floating-point numbers: F64, F32, BF16 or F16. */
  public boolean isFloat() {
    return TensorCodec.isDecodable(dtype);
  }
}
