package org.llmadapters.training.memory;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.Graph;
import org.tensorflow.Operation;
import org.tensorflow.Output;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * The operations of a graph and the buffers that they write and read, with sizes from TensorFlow's
 * shape inference.
 */
final class TensorGraph {
  /**
   * Inputs, and what becomes a constant when all shapes are known: zeros need no room of their own.
   */
  private static final Set<String> CONSTANTS =
      Set.of("Placeholder", "Const", "Shape", "ShapeN", "Size", "ZerosLike", "OnesLike");

  /** An operation; two that do the same are two. */
  static final class Step {
    /** Operations that come first. */
    final List<Step> before;

    /** Buffers whose values it needs. */
    final Set<Buffer> reads;

    /** Buffers that it makes; empty if all it gives is in buffers that were there. */
    final List<Buffer> writes;

    /** Those of its inputs that it may write a result over. */
    final List<Buffer> over;

    Step(List<Step> before, Set<Buffer> reads, List<Buffer> writes, List<Buffer> over) {
      this.before = before;
      this.reads = reads;
      this.writes = writes;
      this.over = over;
    }
  }

  /** Memory for one tensor; two with the same content are two. */
  static final class Buffer {
    final long bytes;

    /** Operations that need its content. */
    int readers;

    /** Whether it is a result of the graph. */
    boolean result;

    Buffer(long bytes) {
      this.bytes = bytes;
    }
  }

  private final List<Step> steps = new ArrayList<>();
  private final boolean fused;
  private final Map<String, NodeDef> nodes = new HashMap<>();
  private final Map<String, List<String>> readers = new HashMap<>();
  private final Set<String> results = new HashSet<>();
  private final Map<String, Step> byName = new HashMap<>();
  private final Map<String, Set<Buffer>> places = new HashMap<>();
  private final Graph graph;

  /**
   * Looks at what leads to {@code outputs}.
   *
   * @param fused whether operations that work element by element are done where their result is
   *     read, as XLA does
   */
  TensorGraph(Graph graph, List<Output<?>> outputs, boolean fused) {
    this.graph = graph;
    this.fused = fused;
    outputs.forEach(output -> results.add(name(output.op().name(), output.index())));
    GraphDef needed =
        GraphPruner.keep(
            graph.toGraphDef(), outputs.stream().map(output -> output.op().name()).toList());
    for (NodeDef node : needed.getNodeList()) {
      nodes.put(node.getName(), node);
      for (String input : node.getInputList()) {
        if (!TensorNames.isControl(input)) {
          readers.computeIfAbsent(normalized(input), key -> new ArrayList<>()).add(node.getName());
        }
      }
    }
    inOrder(needed).forEach(this::add);
    for (String result : results) {
      places.getOrDefault(result, Set.of()).forEach(buffer -> buffer.result = true);
    }
    steps.forEach(step -> step.reads.forEach(buffer -> buffer.readers++));
  }

  /** All operations, each after those that it needs. */
  List<Step> steps() {
    return steps;
  }

  /** The nodes of {@code graph}, each after its inputs; a GraphDef may have them in any order. */
  private List<NodeDef> inOrder(GraphDef needed) {
    Map<String, Integer> waits = new HashMap<>();
    Map<String, List<NodeDef>> waiting = new HashMap<>();
    List<NodeDef> ordered = new ArrayList<>();
    for (NodeDef node : needed.getNodeList()) {
      Set<String> sources = sources(node);
      waits.put(node.getName(), sources.size());
      sources.forEach(
          source -> waiting.computeIfAbsent(source, key -> new ArrayList<>()).add(node));
      if (sources.isEmpty()) {
        ordered.add(node);
      }
    }
    for (int i = 0; i < ordered.size(); i++) {
      for (NodeDef reader : waiting.getOrDefault(ordered.get(i).getName(), List.of())) {
        if (waits.merge(reader.getName(), -1, Integer::sum) == 0) {
          ordered.add(reader);
        }
      }
    }
    if (ordered.size() != needed.getNodeCount()) {
      throw new IllegalArgumentException("the graph has a cycle");
    }
    return ordered;
  }

  private void add(NodeDef node) {
    Operation operation = Objects.requireNonNull(graph.operation(node.getName()));
    List<Step> before = new ArrayList<>();
    sources(node).forEach(source -> before.add(Objects.requireNonNull(byName.get(source))));
    List<Set<Buffer>> inputs = new ArrayList<>();
    for (String input : node.getInputList()) {
      if (!TensorNames.isControl(input)) {
        inputs.add(places.getOrDefault(normalized(input), Set.of()));
      }
    }
    Set<Buffer> reads = new LinkedHashSet<>();
    inputs.forEach(reads::addAll);
    List<Buffer> writes = new ArrayList<>();
    List<Buffer> over = new ArrayList<>();
    for (int i = 0; i < operation.numOutputs(); i++) {
      String tensor = name(node.getName(), i);
      if (isArgument(node)) {
        places.put(tensor, Set.of());
      } else if (OpTraits.isAlias(node, fused)) {
        places.put(tensor, i < inputs.size() ? inputs.get(i) : Set.of());
      } else if (fused && staysFused(node, tensor, reads, bytes(operation.output(i)))) {
        places.put(tensor, Set.copyOf(reads));
      } else {
        Buffer buffer = new Buffer(bytes(operation.output(i)));
        writes.add(buffer);
        places.put(tensor, Set.of(buffer));
        if (OpTraits.isInPlace(node.getOp()) || (fused && OpTraits.isFused(node.getOp()))) {
          reads.stream().filter(read -> read.bytes == buffer.bytes).forEach(over::add);
        }
      }
    }
    boolean passes = writes.isEmpty();
    Step step = new Step(before, passes ? Set.of() : reads, writes, over);
    byName.put(node.getName(), step);
    steps.add(step);
  }

  /** Values that are there before, or that are folded into constants. */
  private static boolean isArgument(NodeDef node) {
    return CONSTANTS.contains(node.getOp());
  }

  /**
   * Whether XLA makes {@code tensor} anew wherever it is read: if only operations read it that take
   * that, and if it is made of one large tensor or read by one operation.
   */
  private boolean staysFused(NodeDef node, String tensor, Set<Buffer> sources, long bytes) {
    if (!OpTraits.isFused(node.getOp()) || results.contains(tensor)) {
      return false;
    }
    List<String> consumers = consumers(tensor);
    if (!consumers.stream().allMatch(reader -> OpTraits.readsFused(op(reader)))) {
      return false;
    }
    return consumers.size() <= 1
        || sources.stream().filter(source -> source.bytes >= bytes / 4).count() <= 1;
  }

  /** The operations that read {@code tensor}, be it under another name. */
  private List<String> consumers(String tensor) {
    List<String> found = new ArrayList<>();
    for (String reader : readers.getOrDefault(tensor, List.of())) {
      NodeDef node = Objects.requireNonNull(nodes.get(reader));
      if (!OpTraits.isAlias(node, fused)) {
        found.add(reader);
        continue;
      }
      for (int i = 0; i < node.getInputCount(); i++) {
        if (normalized(node.getInput(i)).equals(tensor)) {
          String same = name(reader, i);
          found.addAll(results.contains(same) ? List.of(reader) : consumers(same));
        }
      }
    }
    return found;
  }

  private String op(String node) {
    return Objects.requireNonNull(nodes.get(node)).getOp();
  }

  /** Bytes of a tensor; of one of unknown size, those that its first reader makes of it. */
  private long bytes(Output<?> output) {
    int each = OpTraits.bytes(output.dataType());
    long elements = output.shape().size();
    if (elements >= 0) {
      return elements * each;
    }
    for (String reader :
        readers.getOrDefault(name(output.op().name(), output.index()), List.of())) {
      Operation operation = Objects.requireNonNull(graph.operation(reader));
      if (operation.type().equals("Reshape") && operation.output(0).shape().size() >= 0) {
        return operation.output(0).shape().size() * each;
      }
    }
    return 0;
  }

  private static Set<String> sources(NodeDef node) {
    Set<String> sources = new LinkedHashSet<>();
    node.getInputList().forEach(input -> sources.add(TensorNames.node(input)));
    return sources;
  }

  private static String normalized(String input) {
    return name(TensorNames.node(input), TensorNames.output(input));
  }

  private static String name(String node, int output) {
    return node + ":" + output;
  }
}
