package org.llmadapters.graph.savedmodel;

import com.google.protobuf.ByteString;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorShapeProto;

/** The nodes that hold and read a weight in a GraphDef: resource variables. */
public final class Variables {
  private Variables() {}

  /** The {@code VarHandleOp} of a weight, named {@link Weight#node()}. */
  public static NodeDef varHandle(Weight weight) {
    return NodeDef.newBuilder()
        .setName(weight.node())
        .setOp("VarHandleOp")
        .putAttr("container", string(""))
        .putAttr("shared_name", string(weight.node()))
        .putAttr("dtype", type(weight.dtype().dataType()))
        .putAttr("shape", AttrValue.newBuilder().setShape(shape(weight.shape())).build())
        .build();
  }

  /** The {@code ReadVariableOp} of a weight, named {@code <node>/Read}. */
  public static NodeDef read(Weight weight) {
    return read(weight.node() + "/Read", weight);
  }

  static NodeDef read(String name, Weight weight) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("ReadVariableOp")
        .addInput(weight.node())
        .putAttr("dtype", type(weight.dtype().dataType()))
        .build();
  }

  static AttrValue type(DataType dtype) {
    return AttrValue.newBuilder().setType(dtype).build();
  }

  static TensorShapeProto shape(List<Long> dimensions) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    dimensions.forEach(dimension -> shape.addDimBuilder().setSize(dimension));
    return shape.build();
  }

  private static AttrValue string(String value) {
    return AttrValue.newBuilder().setS(ByteString.copyFromUtf8(value)).build();
  }
}
