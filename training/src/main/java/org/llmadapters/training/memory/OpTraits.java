package org.llmadapters.training.memory;

import java.util.Set;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;

/** What TensorFlow's operations do with memory. */
final class OpTraits {
  /** Each output is an input's buffer again. */
  private static final Set<String> ALIASES =
      Set.of(
          "Identity",
          "IdentityN",
          "Reshape",
          "ExpandDims",
          "Squeeze",
          "StopGradient",
          "PreventGradient",
          "Snapshot",
          "Bitcast",
          "EnsureShape");

  /** Element by element; TensorFlow's kernels write over an input that nobody else reads. */
  private static final Set<String> ELEMENTWISE =
      Set.of(
          "Add",
          "AddV2",
          "AddN",
          "Sub",
          "Mul",
          "Div",
          "RealDiv",
          "DivNoNan",
          "Maximum",
          "Minimum",
          "Pow",
          "SquaredDifference",
          "Neg",
          "Abs",
          "Square",
          "Sqrt",
          "Rsqrt",
          "Reciprocal",
          "Inv",
          "Exp",
          "Log",
          "Log1p",
          "Tanh",
          "Sigmoid",
          "Erf",
          "Erfc",
          "Relu",
          "Relu6",
          "Sin",
          "Cos",
          "Sign",
          "TanhGrad",
          "SigmoidGrad",
          "RsqrtGrad",
          "SqrtGrad",
          "ReciprocalGrad",
          "InvGrad",
          "ReluGrad",
          "BiasAdd",
          "LogicalNot",
          "LogicalAnd",
          "LogicalOr",
          "Floor",
          "FloorDiv",
          "FloorMod");

  /** Like them to XLA, but TensorFlow gives every output memory of its own. */
  private static final Set<String> MOVES =
      Set.of(
          "Cast",
          "Select",
          "SelectV2",
          "BroadcastTo",
          "Transpose",
          "Slice",
          "StridedSlice",
          "Split",
          "SplitV",
          "ConcatV2",
          "Concat",
          "Pack",
          "Unpack",
          "Tile",
          "Pad",
          "PadV2",
          "OneHot",
          "Range",
          "Fill",
          "ZerosLike",
          "OnesLike",
          "Less",
          "LessEqual",
          "Greater",
          "GreaterEqual",
          "Equal",
          "NotEqual",
          "ClipByValue",
          "StridedSliceGrad",
          "BitwiseAnd",
          "BitwiseOr",
          "RightShift",
          "LeftShift");

  /** Read what XLA computes element by element without its being stored. */
  private static final Set<String> REDUCTIONS =
      Set.of(
          "Sum",
          "Mean",
          "Max",
          "Min",
          "Prod",
          "All",
          "Any",
          "L2Loss",
          "ArgMax",
          "Softmax",
          "LogSoftmax",
          "SparseSoftmaxCrossEntropyWithLogits",
          "BiasAddGrad");

  /** Kernels of TensorFlow that write a result over an input of the same size. */
  private static final Set<String> IN_PLACE = Set.of("Softmax", "LogSoftmax", "SelectV2");

  private OpTraits() {}

  /**
   * Whether each output is an input again.
   *
   * @param xla whether XLA compiles: without it, a barrier copies
   */
  static boolean isAlias(NodeDef node, boolean xla) {
    return switch (node.getOp()) {
      case "XlaOptimizationBarrier" -> xla;
      case "Cast" -> node.getAttrOrThrow("SrcT").equals(node.getAttrOrThrow("DstT"));
      default -> ALIASES.contains(node.getOp());
    };
  }

  /** Whether TensorFlow's kernel writes over an input that nobody else reads. */
  static boolean isInPlace(String op) {
    return ELEMENTWISE.contains(op) || IN_PLACE.contains(op);
  }

  /** Whether XLA makes the output where it is read. */
  static boolean isFused(String op) {
    return ELEMENTWISE.contains(op) || MOVES.contains(op);
  }

  /** Whether XLA lets the operation read what is made on the way. */
  static boolean readsFused(String op) {
    return isFused(op) || REDUCTIONS.contains(op);
  }

  /** Bytes of an element; 0 for what is no number. */
  static int bytes(DataType type) {
    return switch (type) {
      case DT_DOUBLE, DT_INT64, DT_UINT64 -> 8;
      case DT_FLOAT, DT_INT32, DT_UINT32 -> 4;
      case DT_BFLOAT16, DT_HALF, DT_INT16, DT_UINT16 -> 2;
      case DT_INT8, DT_UINT8, DT_BOOL -> 1;
      default -> 0;
    };
  }
}
