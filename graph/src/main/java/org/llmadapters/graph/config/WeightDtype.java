package org.llmadapters.graph.config;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.tensorflow.proto.DataType;

/**
 * The type a model's weights are stored in, with its names in every format involved. All but {@link
 * #UINT8} are what weights are multiplied in, too.
 */
public enum WeightDtype {
  FLOAT32("float32", "F32", DataType.DT_FLOAT, 4),
  BFLOAT16("bfloat16", "BF16", DataType.DT_BFLOAT16, 2),
  FLOAT16("float16", "F16", DataType.DT_HALF, 2),
  /** Codes that stand for quantized weights, no weights by themselves. */
  UINT8("uint8", "U8", DataType.DT_UINT8, 1);

  /** The dtypes that weights can have as they are. */
  public static final List<WeightDtype> FLOATING = List.of(FLOAT32, BFLOAT16, FLOAT16);

  private final String hfName;
  private final String safetensorsName;
  private final DataType dataType;
  private final int bytes;

  WeightDtype(String hfName, String safetensorsName, DataType dataType, int bytes) {
    this.hfName = hfName;
    this.safetensorsName = safetensorsName;
    this.dataType = dataType;
    this.bytes = bytes;
  }

  /** As in {@code config.json} and on the command line: {@code float32}. */
  public String hfName() {
    return hfName;
  }

  /** As in a safetensors header: {@code F32}. */
  public String safetensorsName() {
    return safetensorsName;
  }

  /** As in a GraphDef. */
  public DataType dataType() {
    return dataType;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** The floating-point dtype that Hugging Face calls {@code name}. */
  public static WeightDtype of(String name) {
    return FLOATING.stream()
        .filter(dtype -> dtype.hfName.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException("dtype must be one of " + names() + ", got " + name));
  }

  /** The dtype of a node in a GraphDef. */
  public static WeightDtype of(DataType dataType) {
    return Arrays.stream(values())
        .filter(dtype -> dtype.dataType == dataType)
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException("weights are " + names() + ", got " + dataType));
  }

  private static String names() {
    return FLOATING.stream().map(WeightDtype::hfName).collect(Collectors.joining(", "));
  }
}
