package org.llmadapters.graph.quantize;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.graph.Weight;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TUint8;

/** How the weights of the blocks' linear layers are stored where that is not as they are. */
public enum Quantization {
  /** {@link Int8}: a byte for each weight. */
  INT8("int8"),

  /** {@link Nf4}: half a byte for each weight. */
  NF4("nf4");

  private final String cliName;

  Quantization(String cliName) {
    this.cliName = cliName;
  }

  /** As on the command line: {@code int8}. */
  public String cliName() {
    return cliName;
  }

  /** The one called {@code name}, if it is the name of one. */
  public static Optional<Quantization> of(String name) {
    return Arrays.stream(values()).filter(known -> known.cliName.equals(name)).findFirst();
  }

  /** All names, for messages. */
  public static String names() {
    return Arrays.stream(values()).map(Quantization::cliName).collect(Collectors.joining(", "));
  }

  /**
   * The variables that stand for {@code weight}, the codes first. Their names begin with that of
   * the weight.
   */
  public List<Weight> variables(Weight weight) {
    return switch (this) {
      case INT8 -> Int8.variables(weight);
      case NF4 -> Nf4.variables(weight);
    };
  }

  /**
   * The weight again, as far as its variables tell.
   *
   * @param variables the values of {@link #variables}
   * @return float32 [shape of the weight]
   */
  Operand<TFloat32> dequantize(Ops tf, Weight weight, Variables variables) {
    return switch (this) {
      case INT8 -> Int8.dequantize(tf, variables);
      case NF4 -> Nf4.dequantize(tf, weight, variables);
    };
  }

  /** The values of the variables that stand for one weight, by their position. */
  interface Variables {
    /** The value of a variable of codes. */
    Operand<TUint8> codes(int position);

    /** The value of a variable of numbers. */
    Operand<TFloat32> numbers(int position);
  }
}
