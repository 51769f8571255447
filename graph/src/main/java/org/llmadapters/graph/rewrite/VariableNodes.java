package org.llmadapters.graph.rewrite;

import com.google.protobuf.ByteString;
import java.util.List;
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
        .putAttr("container", string(""))
        .putAttr("shared_name", string(weight.node()))
        .putAttr("dtype", type(weight.dtype().dataType()))
        .putAttr("shape", shape(weight.shape()))
        .build();
  }

  /** The {@code ReadVariableOp}. */
  public static NodeDef read(Weight weight) {
    return read(readName(weight), weight);
  }

  /** A {@code ReadVariableOp} with a name of its own. */
  public static NodeDef read(String name, Weight weight) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("ReadVariableOp")
        .addInput(weight.node())
        .putAttr("dtype", type(weight.dtype().dataType()))
        .build();
  }

  /** Name of the node that {@link #read(Weight)} makes. */
  public static String readName(Weight weight) {
    return weight.node() + "/Read";
  }

  /** Name of the weight whose value is the node {@code readName}, in the full or decode graph. */
  public static String weightName(String readName) {
    int start = readName.startsWith(Sites.DECODE_SCOPE) ? Sites.DECODE_SCOPE.length() : 0;
    return readName.substring(start, readName.lastIndexOf('/')).replace('/', '.');
  }

  /** An attribute that holds a type. */
  public static AttrValue type(DataType dataType) {
    return AttrValue.newBuilder().setType(dataType).build();
  }

  /** An attribute that holds a shape, -1 for unknown sizes. */
  public static AttrValue shape(List<Long> sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    sizes.forEach(size -> shape.addDimBuilder().setSize(size));
    return AttrValue.newBuilder().setShape(shape).build();
  }

  /** An attribute that holds a shape of which nothing is known. */
  public static AttrValue unknownShape() {
    return AttrValue.newBuilder()
        .setShape(TensorShapeProto.newBuilder().setUnknownRank(true))
        .build();
  }

  private static AttrValue string(String value) {
    return AttrValue.newBuilder().setS(ByteString.copyFromUtf8(value)).build();
  }
}
