package org.llmadapters.graph.config;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.tensorflow.proto.DataType;

/**
 * The type a model's weights are stored and multiplied in, with its names in every format involved.
 */
public enum WeightDtype {
  FLOAT32("float32", "F32", DataType.DT_FLOAT, 4),
  BFLOAT16("bfloat16", "BF16", DataType.DT_BFLOAT16, 2),
  FLOAT16("float16", "F16", DataType.DT_HALF, 2);

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

  /** The dtype that Hugging Face calls {@code name}. */
  public static WeightDtype of(String name) {
    return Arrays.stream(values())
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
    return Arrays.stream(values()).map(WeightDtype::hfName).collect(Collectors.joining(", "));
  }
}
