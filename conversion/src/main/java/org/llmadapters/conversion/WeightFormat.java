package org.llmadapters.conversion;

import java.util.Optional;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.Quantization;

/**
 * What a base model's weights are converted to.
 *
 * @param dtype of what is computed with
 * @param quantization of the linear layers of the blocks, if they are stored in fewer bits
 */
public record WeightFormat(WeightDtype dtype, Optional<Quantization> quantization) {

  /** All weights in {@code dtype}. */
  public static WeightFormat of(WeightDtype dtype) {
    return new WeightFormat(dtype, Optional.empty());
  }

  /** Quantized, and in bfloat16 what is not. */
  public static WeightFormat of(Quantization quantization) {
    return new WeightFormat(WeightDtype.BFLOAT16, Optional.of(quantization));
  }

  /**
   * The format called {@code name} on the command line.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static WeightFormat of(String name) {
    Optional<Quantization> quantization = Quantization.of(name);
    if (quantization.isPresent()) {
      return of(quantization.get());
    }
    if (WeightDtype.FLOATING.stream().noneMatch(dtype -> dtype.hfName().equals(name))) {
      throw new IllegalArgumentException(
          "dtype must be one of float32, bfloat16, float16, "
              + Quantization.names()
              + ", got "
              + name);
    }
    return of(WeightDtype.of(name));
  }

  /** For people: {@code nf4, the rest bfloat16}. */
  public String describe() {
    return quantization.map(found -> found.cliName() + ", the rest ").orElse("") + dtype.hfName();
  }
}
