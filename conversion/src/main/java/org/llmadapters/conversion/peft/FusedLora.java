package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.tensors.TensorInfo;

/**
 * LoRA on some of the equal parts of a fused layer's output, as LLM-Adapters' {@code MergedLinear}
 * has it: {@code enable_lora: [true, false, true]}. With n parts that have an adapter of rank r,
 *
 * <pre>
 *   lora_A.weight  [n r, in]                 the A of each, one below the other
 *   lora_B.weight  [n out / parts, r, 1]     the B of each, one below the other
 * </pre>
 *
 * That is LoRA of rank n r with the same scaling, whose {@code B} [out, n r] has each part's {@code
 * B} where its rows and the columns of its {@code A} meet, and zeros elsewhere; so it is read, and
 * never written in this form.
 *
 * <p>Source: LLM-Adapters at 8166572, {@code peft/src/peft/tuners/lora.py}.
 *
 * @param enableLora {@code enable_lora}: which of the parts have an adapter, at least one
 */
record FusedLora(List<Boolean> enableLora) {
  /** So that a file cannot ask for many times its size. */
  private static final int MAX_PARTS = 16;

  private static final long MAX_ELEMENTS = 1 << 30;

  private static final String KEY = "enable_lora";

  private static final String LORA_B = ".lora_B.weight";

  FusedLora {
    enableLora = List.copyOf(enableLora);
    if (enableLora.size() > MAX_PARTS || !enableLora.contains(true)) {
      throw new IllegalArgumentException(
          KEY + " must have 1 to " + MAX_PARTS + " parts, one of them true, got " + enableLora);
    }
  }

  /** What {@code enable_lora} says, if it is there; what is wrong with it is noted. */
  static Optional<FusedLora> read(JsonFields fields) {
    return fields.node(KEY).flatMap(node -> fields.attempt(() -> of(node)));
  }

  private static FusedLora of(JsonNode node) {
    List<Boolean> parts = new ArrayList<>();
    boolean booleans = node.isArray();
    for (JsonNode part : node) {
      booleans &= part.isBoolean();
      parts.add(part.booleanValue());
    }
    if (!booleans) {
      throw new IllegalArgumentException(
          KEY + " must be a list of true and false, got " + Json.describe(node));
    }
    return new FusedLora(parts);
  }

  /** n: how many of the parts have an adapter. */
  int enabled() {
    return (int) enableLora.stream().filter(enabled -> enabled).count();
  }

  /**
   * The tensor as plain LoRA has it, in shape; the rest tells where its values are in the file.
   *
   * @param problems gets what is wrong with the shape of a {@code lora_B}
   */
  TensorInfo plain(TensorInfo tensor, Problems problems) {
    if (!tensor.name().endsWith(LORA_B)) {
      return tensor;
    }
    int n = enabled();
    List<Long> shape = tensor.shape();
    if (shape.size() != 3 || shape.get(2) != 1 || shape.get(0) % n != 0) {
      problems.add(
          "%s: shape %s, expected [%d out / %d, r, 1] of %d among %d parts (enable_lora)",
          tensor.name(), shape, n, enableLora.size(), n, enableLora.size());
      return tensor;
    }
    if (tensor.elements() * enableLora.size() > MAX_ELEMENTS) {
      problems.add("%s: %s is too large", tensor.name(), shape);
      return tensor;
    }
    return new TensorInfo(
        tensor.name(),
        tensor.dtype(),
        List.of(shape.get(0) / n * enableLora.size(), n * shape.get(1)),
        tensor.offset(),
        tensor.bytes());
  }

  /**
   * The values of one of {@link #plain}'s tensors.
   *
   * @param stored as they are in the file
   * @return row-major; those of a {@code lora_B} with the zeros between the parts
   */
  float[] expanded(TensorInfo plain, float[] stored) {
    if (!plain.name().endsWith(LORA_B)) {
      return stored;
    }
    int columns = Math.toIntExact(plain.shape().get(1));
    int r = columns / enabled();
    int rows = Math.toIntExact(plain.shape().get(0)) / enableLora.size();
    float[] expanded = new float[Math.toIntExact(plain.elements())];
    int group = 0;
    for (int part = 0; part < enableLora.size(); part++) {
      if (!enableLora.get(part)) {
        continue;
      }
      for (int row = 0; row < rows; row++) {
        System.arraycopy(
            stored,
            (group * rows + row) * r,
            expanded,
            (part * rows + row) * columns + group * r,
            r);
      }
      group++;
    }
    return expanded;
  }
}
