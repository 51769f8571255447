package org.llmadapters.training.step;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphFlow;
import org.llmadapters.graph.rewrite.NodeCopies;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Graph;
import org.tensorflow.Output;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * What is known of a forward pass before it is differentiated; caller closes.
 *
 * @param body its graph, with placeholders for variables
 * @param flow who reads whom in it
 * @param differentiable the nodes that depend on what is trained
 * @param graph the body again, for the shapes of its tensors
 */
record ForwardPass(GraphDef body, GraphFlow flow, Set<String> differentiable, Graph graph)
    implements AutoCloseable {
  private static final Set<String> WITHOUT_GRADIENT =
      Set.of("StopGradient", "Shape", "ShapeN", "ZerosLike", "OnesLike");

  ForwardPass {
    differentiable = Set.copyOf(differentiable);
  }

  /**
   * Looks at {@code body}.
   *
   * @param trained nodes of the variables to differentiate by
   */
  static ForwardPass of(GraphDef body, Collection<String> trained) {
    GraphFlow flow = new GraphFlow(body);
    Graph graph = TensorFlowRuntime.newGraph();
    graph.importGraphDef(body);
    return new ForwardPass(body, flow, flow.behind(trained), graph);
  }

  /** Whether {@code tensor} depends on what is trained. */
  boolean concerns(String tensor) {
    return differentiable.contains(TensorNames.node(tensor));
  }

  /**
   * The tensors that {@code nodes} read from outside and that gradients by {@code output} reach.
   */
  List<String> inputs(List<NodeDef> nodes, String output) {
    Set<String> outside = Set.copyOf(NodeCopies.inputs(nodes));
    return NodeCopies.inputs(flow.before(output, nodes, WITHOUT_GRADIENT::contains)).stream()
        .filter(outside::contains)
        .filter(this::concerns)
        .filter(input -> isFloating(Adjoints.output(graph, input).dataType()))
        .toList();
  }

  private static boolean isFloating(DataType type) {
    return type == DataType.DT_FLOAT || type == DataType.DT_BFLOAT16 || type == DataType.DT_HALF;
  }

  /** A placeholder called {@code name} of the type and the shape of {@code tensor}. */
  NodeDef placeholder(String name, String tensor) {
    Output<?> output = Adjoints.output(graph, tensor);
    long[] sizes = output.shape().asArray();
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("Placeholder")
        .putAttr("dtype", VariableNodes.type(output.dataType()))
        .putAttr(
            "shape",
            sizes == null
                ? VariableNodes.unknownShape()
                : VariableNodes.shape(Arrays.stream(sizes).boxed().toList()))
        .build();
  }

  @Override
  public void close() {
    graph.close();
  }
}
