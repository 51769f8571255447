package org.llmadapters.graph.rewrite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorShapeProto;

/**
 * Turns the variables of a flat graph into inputs, which makes it the body of a function: every
 * {@code ReadVariableOp} becomes a {@code Placeholder} of the same name, and the {@code
 * VarHandleOp}s go. The function is then called with the values of the variables, which stay where
 * they are and are not copied.
 *
 * @param body the graph without variables
 * @param variables what the body reads, in the order of its nodes; the placeholder of each is
 *     {@link VariableNodes#readName}
 */
public record VariablesAsInputs(GraphDef body, List<Weight> variables) {
  public VariablesAsInputs {
    variables = List.copyOf(variables);
  }

  /** Rewrites {@code graph}. */
  public static VariablesAsInputs of(GraphDef graph) {
    Map<String, Weight> handles = new LinkedHashMap<>();
    for (NodeDef node : graph.getNodeList()) {
      if (node.getOp().equals("VarHandleOp")) {
        handles.put(node.getName(), weight(node));
      }
    }
    List<Weight> variables = new ArrayList<>();
    GraphDef.Builder body = graph.toBuilder().clearNode();
    for (NodeDef node : graph.getNodeList()) {
      if (node.getOp().equals("ReadVariableOp")) {
        Weight weight = handles.get(TensorNames.node(node.getInput(0)));
        if (weight == null || !node.getName().equals(VariableNodes.readName(weight))) {
          throw new IllegalArgumentException(
              node.getName() + " is not the one value of a variable");
        }
        variables.add(weight);
        body.addNode(placeholder(node.getName(), weight));
      } else if (!node.getOp().equals("VarHandleOp")) {
        body.addNode(node);
      }
    }
    return new VariablesAsInputs(body.build(), variables);
  }

  /**
   * The same body with the shapes of some placeholders fixed, so that everything computed from them
   * folds.
   */
  public VariablesAsInputs withShapes(Map<String, List<Long>> shapes) {
    GraphDef.Builder fixed = body.toBuilder().clearNode();
    for (NodeDef node : body.getNodeList()) {
      List<Long> shape = shapes.get(node.getName());
      fixed.addNode(
          shape == null
              ? node
              : node.toBuilder().putAttr("shape", VariableNodes.shape(shape)).build());
    }
    return new VariablesAsInputs(fixed.build(), variables);
  }

  /**
   * The same body with some variables taken as float32 and rounded to their dtype inside, so that
   * they can be trained in float32. The placeholder of such a variable is {@link #input}.
   *
   * @param heldInFloat32 tells by a variable's name; those that are float32 anyway stay as they are
   */
  public VariablesAsInputs withFloat32Masters(Predicate<String> heldInFloat32) {
    Map<String, Weight> rounded = new LinkedHashMap<>();
    for (Weight variable : variables) {
      if (heldInFloat32.test(variable.name()) && variable.dtype() != WeightDtype.FLOAT32) {
        rounded.put(VariableNodes.readName(variable), variable);
      }
    }
    GraphDef.Builder result = body.toBuilder().clearNode();
    for (NodeDef node : body.getNodeList()) {
      Weight variable = rounded.get(node.getName());
      if (variable == null) {
        result.addNode(node);
        continue;
      }
      Weight master = new Weight(variable.name(), WeightDtype.FLOAT32, variable.shape());
      result.addNode(placeholder(masterName(variable), master));
      result.addNode(
          NodeDef.newBuilder()
              .setName(node.getName())
              .setOp("Cast")
              .addInput(masterName(variable))
              .putAttr("SrcT", VariableNodes.type(WeightDtype.FLOAT32.dataType()))
              .putAttr("DstT", VariableNodes.type(variable.dtype().dataType())));
    }
    List<Weight> inputs =
        variables.stream()
            .map(
                variable ->
                    rounded.containsKey(VariableNodes.readName(variable))
                        ? new Weight(variable.name(), WeightDtype.FLOAT32, variable.shape())
                        : variable)
            .toList();
    return new VariablesAsInputs(result.build(), inputs);
  }

  /** The placeholder that takes the value of {@code variable}. */
  public String input(Weight variable) {
    String master = masterName(variable);
    return body.getNodeList().stream().anyMatch(node -> node.getName().equals(master))
        ? master
        : VariableNodes.readName(variable);
  }

  private static String masterName(Weight variable) {
    return VariableNodes.readName(variable) + "/master";
  }

  private static Weight weight(NodeDef handle) {
    TensorShapeProto shape = handle.getAttrOrThrow("shape").getShape();
    return new Weight(
        handle.getName().replace('/', '.'),
        WeightDtype.of(handle.getAttrOrThrow("dtype").getType()),
        shape.getDimList().stream().map(TensorShapeProto.Dim::getSize).toList());
  }

  private static NodeDef placeholder(String name, Weight weight) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("Placeholder")
        .putAttr("dtype", VariableNodes.type(weight.dtype().dataType()))
        .putAttr("shape", VariableNodes.shape(weight.shape()))
        .build();
  }
}
