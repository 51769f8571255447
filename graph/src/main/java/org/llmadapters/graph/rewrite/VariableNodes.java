package org.llmadapters.graph.rewrite;

import org.llmadapters.graph.Weight;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorShapeProto;

/**
 * The two nodes of every variable: its handle, named {@link Weight#node()}, and its value, {@code
 * <node>/Read}.
 */
public final class VariableNodes {
  private VariableNodes() {}

  /** The {@code VarHandleOp}. */
  public static NodeDef handle(Weight weight) {
    return NodeDef.newBuilder()
        .setName(weight.node())
        .setOp("VarHandleOp")
        .putAttr("dtype", type(weight.dtype().dataType()))
        .putAttr("shape", AttrValue.newBuilder().setShape(shape(weight)).build())
        .putAttr(
            "shared_name",
            AttrValue.newBuilder()
                .setS(com.google.protobuf.ByteString.copyFromUtf8(weight.node()))
                .build())
        .build();
  }

  /** The {@code ReadVariableOp}. */
  public static NodeDef read(Weight weight) {
    return NodeDef.newBuilder()
        .setName(readName(weight))
        .setOp("ReadVariableOp")
        .addInput(weight.node())
        .putAttr("dtype", type(weight.dtype().dataType()))
        .build();
  }

  /** Name of the node that {@link #read} makes. */
  public static String readName(Weight weight) {
    return weight.node() + "/Read";
  }

  static AttrValue type(DataType dataType) {
    return AttrValue.newBuilder().setType(dataType).build();
  }

  static TensorShapeProto shape(Weight weight) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    weight.shape().forEach(size -> shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size)));
    return shape.build();
  }
}
