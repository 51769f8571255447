package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.peft.FittedAdapter;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.tensorflow.proto.GraphDef;

/**
 * Splices adapters into copies of a base's graph and loads their values beside the base's. An
 * adapter that is in several stacks is loaded once.
 */
final class StackedAdapters {
  private final BaseModel base;
  private final ModelSession session;

  /** What each adapter is called in the graphs, and in its variables' names. */
  private final Map<Path, String> names = new HashMap<>();

  StackedAdapters(BaseModel base, ModelSession session) {
    this.base = base;
    this.session = session;
  }

  /**
   * The graph of each stack by its name, in their order; the session has the adapters' values then,
   * and not yet the base's.
   *
   * @throws org.llmadapters.graph.FormatException if an adapter does not fit; lists all that does
   *     not
   * @throws IllegalArgumentException if two stacks have one name
   */
  Map<String, GraphDef> graphs(List<AdapterStack> stacks) throws IOException {
    Map<String, GraphDef> graphs = new LinkedHashMap<>();
    for (AdapterStack stack : stacks) {
      if (graphs.put(stack.name(), graph(stack)) != null) {
        throw new IllegalArgumentException(
            "two adapters are called \"" + stack.name() + "\"; name them: NAME=DIR");
      }
    }
    return graphs;
  }

  private GraphDef graph(AdapterStack stack) throws IOException {
    BaseGraph graph = base.graph();
    for (Path directory : stack.directories()) {
      GraphDef adapted = OutputsBehindAdapter.move(graph.graphDef(), splice(directory, graph));
      graph = new BaseGraph(adapted, graph.weights(), graph.signatures());
    }
    return graph.graphDef();
  }

  private AdaptedGraph splice(Path directory, BaseGraph graph) throws IOException {
    Path key = AdapterStack.normalized(directory);
    boolean loaded = names.containsKey(key);
    String name = names.computeIfAbsent(key, path -> "adapter_" + (names.size() + 1));
    try (FittedAdapter adapter = FittedAdapter.open(directory, graph, base.config(), name)) {
      if (!loaded) {
        session.declare(adapter.adapted().variables());
        adapter.load(session);
      }
      return adapter.adapted();
    }
  }
}
