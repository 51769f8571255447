package org.llmadapters.graph.rewrite;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** Who reads whom in a graph. */
public final class GraphFlow {
  private final Map<String, NodeDef> nodes = new LinkedHashMap<>();
  private final Map<String, List<String>> readers = new HashMap<>();

  /** Looks at all edges of {@code graph}. */
  public GraphFlow(GraphDef graph) {
    for (NodeDef node : graph.getNodeList()) {
      nodes.put(node.getName(), node);
      for (String source : sources(node)) {
        readers.computeIfAbsent(source, key -> new ArrayList<>()).add(node.getName());
      }
    }
  }

  /** The node called {@code name}. */
  public NodeDef node(String name) {
    return Objects.requireNonNull(nodes.get(name), () -> "the graph has no node " + name);
  }

  /** Whether there is a node called {@code name}. */
  public boolean contains(String name) {
    return nodes.containsKey(name);
  }

  /** {@code from} and all nodes that depend on one of them. */
  public Set<String> behind(Collection<String> from) {
    return reach(from, name -> readers.getOrDefault(name, List.of()));
  }

  /**
   * The nodes of {@code piece} that {@code end}, one of them, depends on, but not by way of an
   * operation for which {@code stops} holds.
   */
  public List<NodeDef> before(String end, Collection<NodeDef> piece, Predicate<String> stops) {
    Set<String> names = new HashSet<>();
    piece.forEach(node -> names.add(node.getName()));
    Set<String> reached =
        reach(
            List.of(end),
            name ->
                sources(node(name)).stream()
                    .filter(names::contains)
                    .filter(source -> !stops.test(node(source).getOp()))
                    .toList());
    return piece.stream().filter(node -> reached.contains(node.getName())).toList();
  }

  /** {@code to} and all nodes that one of them depends on. */
  public Set<String> before(Collection<String> to) {
    return reach(to, name -> sources(node(name)));
  }

  /**
   * The nodes on all paths from {@code starts} to {@code end}, without the starts, in the order of
   * the graph; a path ends where it meets another start.
   */
  public List<NodeDef> between(Collection<String> starts, String end) {
    Set<String> stops = Set.copyOf(starts);
    Set<String> before =
        reach(List.of(end), name -> stops.contains(name) ? List.of() : sources(node(name)));
    Set<String> behind = behind(starts);
    return nodes.values().stream()
        .filter(node -> before.contains(node.getName()) && behind.contains(node.getName()))
        .filter(node -> !stops.contains(node.getName()))
        .toList();
  }

  /** The nodes outside of {@code piece} that read a node of it other than {@code end}. */
  public List<String> readersInside(Collection<NodeDef> piece, String end) {
    Set<String> names = new HashSet<>();
    piece.forEach(node -> names.add(node.getName()));
    return names.stream()
        .filter(name -> !name.equals(end))
        .flatMap(name -> readers.getOrDefault(name, List.of()).stream())
        .filter(reader -> !names.contains(reader))
        .distinct()
        .sorted()
        .toList();
  }

  private static Set<String> reach(
      Collection<String> from, Function<String, List<String>> neighbours) {
    Set<String> reached = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(from);
    while (!open.isEmpty()) {
      String name = open.pop();
      if (reached.add(name)) {
        open.addAll(neighbours.apply(name));
      }
    }
    return reached;
  }

  private static List<String> sources(NodeDef node) {
    return node.getInputList().stream().map(TensorNames::node).distinct().toList();
  }
}
