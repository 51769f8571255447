package org.llmadapters.graph.savedmodel;

import com.google.protobuf.ByteString;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SaverDef;
import org.tensorflow.proto.TensorProto;

/**
 * Adds to a graph the nodes that save and restore its variables, which a SavedModel's loader runs:
 *
 * <pre>{@code
 * save/filename (Placeholder, string, scalar)
 *   -> save/SaveV2 <- save/read/NODE (ReadVariableOp) of every variable
 *        -> save/control_dependency (Identity of save/filename)
 *   -> save/RestoreV2_I, one for 64 variables
 *        -> save/assign/NODE (AssignVariableOp) -> save/restore_all (NoOp)
 * }</pre>
 *
 * TensorFlow runs the groups in parallel. Nothing else in the graph refers to a node under {@code
 * save/}, so that they can be dropped and added anew after a rewrite.
 */
public final class VariableSaver {
  private static final int GROUP_SIZE = 64;
  private static final String SCOPE = "save/";
  private static final String FILENAME = SCOPE + "filename";
  private static final String SAVED = SCOPE + "control_dependency";
  private static final String RESTORE_ALL = SCOPE + "restore_all";

  private static final AttrValue NO_DTYPE = AttrValue.getDefaultInstance();

  private VariableSaver() {}

  /**
   * A graph and how its variables are saved and restored.
   *
   * @param graph with the nodes under {@code save/}
   * @param saverDef which names the nodes to feed and to run
   */
  public record Saver(GraphDef graph, SaverDef saverDef) {}

  /**
   * Adds the nodes for {@code variables}, each restored from the key {@link Weight#name()} into the
   * {@code VarHandleOp} {@link Weight#node()}. Other variables of the graph are left alone.
   *
   * @throws IllegalArgumentException if there are no variables, if the graph lacks the {@code
   *     VarHandleOp} of one, or if it has nodes under {@code save/} already
   */
  public static Saver addTo(GraphDef graph, List<Weight> variables) {
    requireAddable(graph, variables);
    GraphDef.Builder added = graph.toBuilder();
    added.addNode(
        node(FILENAME, "Placeholder")
            .putAttr("dtype", VariableNodes.type(DataType.DT_STRING))
            .putAttr("shape", VariableNodes.shape(List.of())));
    addSave(added, variables);

    NodeDef.Builder restoreAll = node(RESTORE_ALL, "NoOp");
    for (int i = 0; i * GROUP_SIZE < variables.size(); i++) {
      int end = Math.min((i + 1) * GROUP_SIZE, variables.size());
      List<Weight> group = variables.subList(i * GROUP_SIZE, end);
      addRestore(added, SCOPE + "RestoreV2_" + i, group);
      group.forEach(weight -> restoreAll.addInput("^" + assignName(weight)));
    }
    added.addNode(restoreAll);
    return new Saver(
        added.build(),
        SaverDef.newBuilder()
            .setFilenameTensorName(FILENAME + ":0")
            .setSaveTensorName(SAVED + ":0")
            .setRestoreOpName(RESTORE_ALL)
            .setVersion(SaverDef.CheckpointFormatVersion.V2)
            .build());
  }

  private static void requireAddable(GraphDef graph, List<Weight> variables) {
    Map<String, NodeDef> handles = new HashMap<>();
    List<String> problems = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      if (node.getName().startsWith(SCOPE)) {
        problems.add("the graph has a node " + node.getName() + " already");
      }
      if (node.getOp().equals("VarHandleOp")) {
        handles.put(node.getName(), node);
      }
    }
    if (variables.isEmpty()) {
      problems.add("there are none");
    }
    Set<String> seen = new HashSet<>();
    for (Weight weight : variables) {
      NodeDef handle = handles.get(weight.node());
      if (!seen.add(weight.node())) {
        problems.add("two weights for VarHandleOp " + weight.node());
      } else if (handle == null) {
        problems.add("no VarHandleOp " + weight.node());
      } else if (handle.getAttrOrDefault("dtype", NO_DTYPE).getType()
          != weight.dtype().dataType()) {
        problems.add("VarHandleOp " + weight.node() + " is not of " + weight.dtype().hfName());
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "cannot save the variables: " + String.join("; ", problems));
    }
  }

  private static void addSave(GraphDef.Builder graph, List<Weight> variables) {
    NodeDef.Builder save = savesOrRestores(graph, SCOPE + "SaveV2", "SaveV2", variables);
    for (Weight weight : variables) {
      String read = SCOPE + "read/" + weight.node();
      graph.addNode(VariableNodes.read(read, weight));
      save.addInput(read);
    }
    graph.addNode(save);
    graph.addNode(
        node(SAVED, "Identity")
            .addInput(FILENAME)
            .addInput("^" + save.getName())
            .putAttr("T", VariableNodes.type(DataType.DT_STRING)));
  }

  private static void addRestore(GraphDef.Builder graph, String name, List<Weight> group) {
    graph.addNode(savesOrRestores(graph, name, "RestoreV2", group));
    for (int i = 0; i < group.size(); i++) {
      Weight weight = group.get(i);
      graph.addNode(
          node(assignName(weight), "AssignVariableOp")
              .addInput(weight.node())
              .addInput(i == 0 ? name : name + ":" + i)
              .putAttr("dtype", VariableNodes.type(weight.dtype().dataType())));
    }
  }

  /** A SaveV2 or RestoreV2 with its constants, which are added to the graph; it is not. */
  private static NodeDef.Builder savesOrRestores(
      GraphDef.Builder graph, String name, String op, List<Weight> weights) {
    AttrValue.ListValue.Builder dtypes = AttrValue.ListValue.newBuilder();
    weights.forEach(weight -> dtypes.addType(weight.dtype().dataType()));
    String names = name + "/tensor_names";
    String slices = name + "/shape_and_slices";
    graph.addNode(strings(names, weights.stream().map(Weight::name).toList()));
    graph.addNode(strings(slices, weights.stream().map(weight -> "").toList()));
    return node(name, op)
        .addInput(FILENAME)
        .addInput(names)
        .addInput(slices)
        .putAttr("dtypes", AttrValue.newBuilder().setList(dtypes).build());
  }

  private static NodeDef.Builder strings(String name, List<String> values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_STRING)
            .setTensorShape(VariableNodes.shape(List.of((long) values.size())).getShape());
    values.forEach(value -> tensor.addStringVal(ByteString.copyFromUtf8(value)));
    return node(name, "Const")
        .putAttr("dtype", VariableNodes.type(DataType.DT_STRING))
        .putAttr("value", AttrValue.newBuilder().setTensor(tensor).build());
  }

  private static String assignName(Weight weight) {
    return SCOPE + "assign/" + weight.node();
  }

  private static NodeDef.Builder node(String name, String op) {
    return NodeDef.newBuilder().setName(name).setOp(op);
  }
}
