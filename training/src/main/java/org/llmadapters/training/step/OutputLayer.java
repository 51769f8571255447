package org.llmadapters.training.step;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.llmadapters.graph.rewrite.GraphFlow;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorProto;
import org.tensorflow.proto.TensorShapeProto;

/**
 * What lies between the hidden states and the logits of a graph: the projection to the vocabulary,
 * with whatever an adapter does to it. It treats every token by itself, so that it can be computed
 * for a part of them.
 *
 * @param input the node with the hidden states: dtype [B, P + T, E]
 * @param output the node with their logits: float32 [B, P + T, V]
 * @param virtualTokens P: columns before the tokens whose logits nobody wants
 * @param width E
 * @param vocabSize V
 * @param dtype of the hidden states
 * @param shapes the nodes that tell the shape of the tokens
 * @param nodes on the way
 */
record OutputLayer(
    String input,
    String output,
    int virtualTokens,
    long width,
    long vocabSize,
    DataType dtype,
    Set<String> shapes,
    List<NodeDef> nodes) {
  private static final String LOGITS = "logits";
  private static final String MATMUL = "/MatMul";

  OutputLayer {
    shapes = Set.copyOf(shapes);
    nodes = List.copyOf(nodes);
  }

  /** The output layer of {@code body}. */
  static OutputLayer of(GraphDef body, GraphFlow flow) {
    NodeDef last = flow.node(TensorNames.node(flow.node(LOGITS).getInput(0)));
    int virtualTokens = 0;
    if (last.getOp().equals("Slice")) {
      NodeDef begin = flow.node(TensorNames.node(last.getInput(1)));
      virtualTokens = second(begin.getAttrOrThrow("value").getTensor());
      last = flow.node(TensorNames.node(last.getInput(0)));
    }
    Set<String> before = flow.before(List.of(last.getName()));
    NodeDef matMul =
        body.getNodeList().stream()
            .filter(node -> node.getOp().equals("MatMul") && node.getName().endsWith(MATMUL))
            .filter(node -> before.contains(node.getName()) && flow.contains(input(node)))
            .reduce((first, second) -> second)
            .orElseThrow(() -> new IllegalArgumentException("the graph has no output layer"));
    NodeDef input = flow.node(input(matMul));
    Set<String> shapes =
        body.getNodeList().stream()
            .filter(node -> node.getOp().equals("Shape") && before.contains(node.getName()))
            .filter(node -> node.getAttrOrThrow("T").getType() == DataType.DT_INT32)
            .map(NodeDef::getName)
            .collect(Collectors.toSet());
    List<String> starts = new ArrayList<>(shapes);
    starts.add(input.getName());
    TensorShapeProto weight = weightShape(matMul, flow);
    boolean outIn = matMul.getAttrOrThrow("transpose_b").getB();
    return new OutputLayer(
        input.getName(),
        last.getName(),
        virtualTokens,
        weight.getDim(outIn ? 1 : 0).getSize(),
        weight.getDim(outIn ? 0 : 1).getSize(),
        input.getAttrOrThrow("T").getType(),
        shapes,
        flow.between(starts, last.getName()));
  }

  /** The node with the input of the linear layer whose product is {@code matMul}. */
  private static String input(NodeDef matMul) {
    return matMul.getName().substring(0, matMul.getName().length() - MATMUL.length()) + "/input";
  }

  /** The second element of an int32 vector, in either of the forms it may be written in. */
  private static int second(TensorProto vector) {
    return vector.getTensorContent().isEmpty()
        ? vector.getIntVal(Math.min(1, vector.getIntValCount() - 1))
        : vector
            .getTensorContent()
            .asReadOnlyByteBuffer()
            .order(ByteOrder.LITTLE_ENDIAN)
            .asIntBuffer()
            .get(1);
  }

  /** The shape of what is multiplied, which is a variable behind casts. */
  private static TensorShapeProto weightShape(NodeDef matMul, GraphFlow flow) {
    NodeDef weight = flow.node(TensorNames.node(matMul.getInput(1)));
    while (!weight.getOp().equals("Placeholder")) {
      weight = flow.node(TensorNames.node(weight.getInput(0)));
    }
    return weight.getAttrOrThrow("shape").getShape();
  }

  /** A part of the columns; {@link #hidden} stands for their hidden states. */
  Piece part(ForwardPass forward, int part) {
    return new Piece(
        prefix(part),
        nodes,
        forward.inputs(nodes, output).stream().filter(tensor -> !tensor.equals(input)).toList());
  }

  /** The copy of {@link #part} for so many columns. */
  List<NodeDef> copy(ForwardPass forward, int part, StepShape shape) {
    Map<String, String> replaced = new HashMap<>();
    List<NodeDef> copy = new ArrayList<>();
    copy.add(
        NodeDef.newBuilder()
            .setName(hidden(part))
            .setOp("Placeholder")
            .putAttr("dtype", VariableNodes.type(dtype))
            .putAttr(
                "shape",
                VariableNodes.shape(List.of((long) shape.batch(), (long) shape.length(), width)))
            .build());
    copy.add(
        NodeDef.newBuilder()
            .setName(prefix(part) + "shape")
            .setOp("Const")
            .putAttr("dtype", VariableNodes.type(DataType.DT_INT32))
            .putAttr("value", vector(shape.batch(), shape.length()))
            .build());
    replaced.put(input, hidden(part));
    shapes.forEach(node -> replaced.put(node, prefix(part) + "shape"));
    copy.addAll(part(forward, part).copy(forward, replaced));
    return copy;
  }

  /** Stands for the hidden states of a part until they are connected: dtype [B, part, E]. */
  String hidden(int part) {
    return prefix(part) + "hidden_states";
  }

  private static String prefix(int part) {
    return "loss/part_" + part + "/";
  }

  private static AttrValue vector(int... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_INT32)
            .setTensorShape(
                TensorShapeProto.newBuilder()
                    .addDim(TensorShapeProto.Dim.newBuilder().setSize(values.length)));
    for (int value : values) {
      tensor.addIntVal(value);
    }
    return AttrValue.newBuilder().setTensor(tensor).build();
  }
}
