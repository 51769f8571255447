package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.rewrite.Nodes.find;
import static org.llmadapters.graph.rewrite.Nodes.graph;
import static org.llmadapters.graph.rewrite.Nodes.names;
import static org.llmadapters.graph.rewrite.Nodes.node;
import static org.llmadapters.graph.rewrite.Nodes.placeholder;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.VersionDef;

final class GraphPrunerTest {
  private static final GraphDef GRAPH =
      graph(
              placeholder("x"),
              placeholder("y"),
              node("unused", "Neg", "x"),
              node("a", "Unpack", "y"),
              node("b", "AddV2", "a:1", "x", "^z"),
              placeholder("z"),
              node("c", "Neg", "b"))
          .toBuilder()
          .setVersions(VersionDef.newBuilder().setProducer(1882))
          .build();

  @Test
  void keepsWhatIsNeededInTheOldOrder() {
    GraphDef kept = GraphPruner.keep(GRAPH, List.of("b"));
    assertThat(names(kept)).containsExactly("x", "y", "a", "b", "z");
    assertThat(find(kept, "b")).isEqualTo(find(GRAPH, "b"));
    assertThat(kept.getVersions()).isEqualTo(GRAPH.getVersions());
  }

  @Test
  void takesTensorNamesAndSeveralOfThem() {
    assertThat(names(GraphPruner.keep(GRAPH, List.of("a:1", "unused:0"))))
        .containsExactly("x", "y", "unused", "a");
  }

  @Test
  void keepsEverythingThatTheLastNodeNeeds() {
    assertThat(names(GraphPruner.keep(GRAPH, List.of("c"))))
        .containsExactly("x", "y", "a", "b", "z", "c");
  }

  @Test
  void keepsNothingForNothing() {
    assertThat(names(GraphPruner.keep(GRAPH, List.of()))).isEmpty();
  }

  @Test
  void rejectsNodesThatDoNotExist() {
    assertThatThrownBy(() -> GraphPruner.keep(GRAPH, List.of("a", "q:0")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the graph has no node q");
  }
}
