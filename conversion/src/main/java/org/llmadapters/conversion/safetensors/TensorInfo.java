package org.llmadapters.conversion.safetensors;

import java.util.List;

/**
 * Where one tensor of a safetensors file is.
 *
 * @param name e.g. {@code model.embed_tokens.weight}
 * @param dtype as the file has it: {@code F32}, {@code BF16}, {@code I64}, ...
 * @param shape empty for a scalar
 * @param offset of its first byte in the file
 * @param bytes its length in bytes
 */
public record TensorInfo(String name, String dtype, List<Long> shape, long offset, long bytes) {

  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
