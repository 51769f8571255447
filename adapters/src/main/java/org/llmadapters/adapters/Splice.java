package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.Fragment;
import org.llmadapters.graph.rewrite.GraphRewriter;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TType;

/** A graph while an adapter is put into it. */
final class Splice {
  private final GraphDef base;
  private final String name;
  private final Splicer.Mode mode;
  private final Map<String, NodeDef> nodes = new HashMap<>();
  private final List<Fragment> fragments = new ArrayList<>();
  private final List<NodeDef> added = new ArrayList<>();
  private final Map<String, AdapterParameter> parameters = new LinkedHashMap<>();
  private final Set<String> modules = new LinkedHashSet<>();
  private final Map<String, String> computed = new LinkedHashMap<>();
  private boolean usesSeed;

  Splice(GraphDef base, String name, Splicer.Mode mode) {
    this.base = base;
    this.name = name;
    this.mode = mode;
    base.getNodeList().forEach(node -> nodes.put(node.getName(), node));
  }

  /** The graph without the adapter. */
  GraphDef base() {
    return base;
  }

  /** What the graph is for. */
  Splicer.Mode mode() {
    return mode;
  }

  /** The node called {@code node} of the graph without the adapter. */
  NodeDef node(String node) {
    return Objects.requireNonNull(nodes.get(node), node);
  }

  /** Whether the graph without the adapter has a node called {@code node}. */
  boolean has(String node) {
    return nodes.containsKey(node);
  }

  /** Notes that {@code module} is adapted; its number among the adapted ones. */
  int adapt(String module) {
    modules.add(module);
    return List.copyOf(modules).indexOf(module);
  }

  /** Adds a node that replaces nothing. */
  void add(NodeDef node) {
    added.add(node);
  }

  /**
   * Notes that the stored parameter called {@code parameter} is what the node {@code node} of the
   * training graph gives.
   */
  void computes(String parameter, String node) {
    computed.put(parameter, node);
  }

  /**
   * The linear layers that {@code targetModules} names, in the full and in the decode graph.
   *
   * @param otherModules that it may name as well
   * @throws IllegalArgumentException if one of its names matches nothing
   */
  List<LinearSite> targets(TargetModules targetModules, List<String> otherModules) {
    List<LinearSite> sites = Sites.linear(base);
    List<String> modules = new ArrayList<>(otherModules);
    sites.forEach(site -> modules.add(site.module()));
    List<String> unmatched = targetModules.unmatched(modules);
    if (!unmatched.isEmpty()) {
      Set<String> known = new TreeSet<>();
      modules.forEach(module -> known.add(module.substring(module.lastIndexOf('.') + 1)));
      throw new IllegalArgumentException(
          "target_modules: nothing in the model matches "
              + String.join(", ", unmatched)
              + "; its modules are "
              + String.join(", ", known)
              + ". List them with: llm-adapters inspect --model DIR");
    }
    return sites.stream().filter(site -> targetModules.matches(site.module())).toList();
  }

  /**
   * A new part of the adapter, whose nodes will be called {@code adapters/<name>/<path>...}.
   *
   * @param path empty, or ending with /
   */
  Part part(String path) {
    return new Part(Splicer.prefix(name) + path);
  }

  /** The graph with all parts in it. */
  AdaptedGraph finish(AdapterConfig config) {
    GraphRewriter rewriter = GraphRewriter.on(base).expecting(fragments.size());
    fragments.forEach(rewriter::insert);
    for (AdapterParameter parameter : parameters.values()) {
      Weight variable = parameter.variable(name);
      added.add(VariableNodes.handle(variable));
      added.add(VariableNodes.read(variable));
    }
    if (usesSeed) {
      added.add(
          NodeDef.newBuilder()
              .setName(Splicer.dropoutSeedNode(name))
              .setOp("Placeholder")
              .putAttr("dtype", VariableNodes.type(DataType.DT_INT32))
              .putAttr("shape", VariableNodes.shape(List.of(2L)))
              .build());
    }
    return new AdaptedGraph(
        rewriter.adding(added).rewrite(),
        name,
        config,
        List.copyOf(modules),
        List.copyOf(parameters.values()),
        computed);
  }

  /**
   * Operations of the adapter, built in a small graph of their own whose placeholders stand for
   * tensors of the large one. Closing it moves them there.
   */
  final class Part implements AutoCloseable {
    private final String prefix;
    private final Graph scratch = TensorFlowRuntime.newGraph();
    private final Ops tf = Ops.create(scratch);

    /** Scratch placeholder -> the tensor of the real graph that it stands for. */
    private final Map<String, String> standsFor = new LinkedHashMap<>();

    private final Map<String, String> replacements = new LinkedHashMap<>();

    private Part(String prefix) {
      this.prefix = prefix;
    }

    /** Makes operations; names are free. */
    Ops tf() {
      return tf;
    }

    /**
     * A tensor of the graph, or of a part that was closed before.
     *
     * @param tensor its name there
     * @param shape -1 for unknown sizes
     */
    <T extends TType> Operand<T> tensor(String tensor, Class<T> type, long... shape) {
      String placeholder = "stands_in_" + standsFor.size();
      standsFor.put(placeholder, tensor);
      return tf.withName(placeholder).placeholder(type, Placeholder.shape(Shape.of(shape)));
    }

    /** A trained parameter. Only what is declared here is ever trained. */
    Operand<TFloat32> trainable(AdapterParameter parameter) {
      parameters.putIfAbsent(parameter.name(), parameter);
      return tensor(
          VariableNodes.readName(parameter.variable(name)),
          TFloat32.class,
          parameter.shape().stream().mapToLong(Long::longValue).toArray());
    }

    /** Whether dropout acts. */
    boolean dropout() {
      return mode.dropout();
    }

    /** int32 [2]: the seed numbered {@code number}, new in every training step. */
    Operand<TInt32> dropoutSeed(int number) {
      usesSeed = true;
      Operand<TInt32> stepSeed = tensor(Splicer.dropoutSeedNode(name), TInt32.class, 2);
      return tf.math.add(stepSeed, tf.constant(new int[] {0, number}));
    }

    /** Lets all that read {@code tensor}, but for this part, read {@code replacement}. */
    void replace(String tensor, Operand<?> replacement) {
      replacements.put(tensor, nameOf(replacement));
    }

    /** What {@code operand} will be called in the graph, for other parts to read. */
    String nameOf(Operand<?> operand) {
      return prefix + operand.asOutput().op().name();
    }

    @Override
    public void close() {
      try (scratch) {
        List<NodeDef> moved = new ArrayList<>();
        for (NodeDef node : scratch.toGraphDef().getNodeList()) {
          if (!standsFor.containsKey(node.getName())) {
            NodeDef.Builder copy = node.toBuilder().setName(prefix + node.getName()).clearInput();
            node.getInputList().forEach(input -> copy.addInput(relocate(input)));
            moved.add(copy.build());
          }
        }
        added.addAll(moved);
        replacements.forEach(
            (tensor, replacement) -> fragments.add(new Fragment(List.of(), tensor, replacement)));
      }
    }

    private String relocate(String input) {
      String node = TensorNames.node(input);
      String tensor = standsFor.get(node);
      if (tensor != null) {
        return tensor;
      }
      return (TensorNames.isControl(input) ? "^" : "")
          + prefix
          + (TensorNames.isControl(input) ? node : input);
    }
  }
}
