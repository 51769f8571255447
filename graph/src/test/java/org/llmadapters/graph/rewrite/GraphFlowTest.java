package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.rewrite.Nodes.graph;
import static org.llmadapters.graph.rewrite.Nodes.node;
import static org.llmadapters.graph.rewrite.Nodes.placeholder;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.tensorflow.proto.NodeDef;

final class GraphFlowTest {
  /**
   *
   *
   * <pre>
   *   x -- a -- b -- d -- e
   *         \-- c --/     |
   *   w -------/          |
   *   z - - - - - - - - - ^    (control)
   * </pre>
   */
  private static final GraphFlow FLOW =
      new GraphFlow(
          graph(
              placeholder("x"),
              placeholder("w"),
              placeholder("z"),
              node("a", "Unpack", "x"),
              node("b", "Neg", "a:1"),
              node("c", "Mul", "a", "w"),
              node("d", "AddV2", "b", "c:0"),
              node("e", "Neg", "d", "^z"),
              node("other", "Neg", "w")));

  private static List<String> names(List<NodeDef> nodes) {
    return nodes.stream().map(NodeDef::getName).toList();
  }

  private static List<NodeDef> nodes(String... names) {
    return List.of(names).stream().map(FLOW::node).toList();
  }

  @Test
  void whatDependsOnANodeIsBehindIt() {
    assertThat(FLOW.behind(List.of("w"))).containsExactlyInAnyOrder("w", "c", "d", "e", "other");
    assertThat(FLOW.behind(List.of("z"))).containsExactlyInAnyOrder("z", "e");
    assertThat(FLOW.behind(List.of("b", "other")))
        .containsExactlyInAnyOrder("b", "d", "e", "other");
    assertThat(FLOW.behind(List.of())).isEmpty();
  }

  @Test
  void whatANodeDependsOnIsBeforeIt() {
    assertThat(FLOW.before(List.of("d"))).containsExactlyInAnyOrder("d", "b", "c", "a", "x", "w");
    assertThat(FLOW.before(List.of("e"))).contains("z");
    assertThat(FLOW.before(List.of("x"))).containsExactly("x");
  }

  @Test
  void betweenTwoNodesAreAllPaths() {
    assertThat(names(FLOW.between(List.of("a"), "e"))).containsExactly("b", "c", "d", "e");
    assertThat(names(FLOW.between(List.of("w"), "d"))).containsExactly("c", "d");
    assertThat(names(FLOW.between(List.of("e"), "d"))).isEmpty();
  }

  /** Through c leads no other path than that of w and a, which both are starts. */
  @Test
  void aPathEndsWhereItMeetsAnotherStart() {
    assertThat(names(FLOW.between(List.of("x", "a"), "b"))).containsExactly("b");
    assertThat(names(FLOW.between(List.of("x", "c"), "d"))).containsExactly("a", "b", "d");
  }

  @Test
  void withinAPieceSomeOperationsStopTheWay() {
    List<NodeDef> piece = nodes("a", "b", "c", "d");
    assertThat(names(FLOW.before("d", piece, op -> false))).containsExactly("a", "b", "c", "d");
    assertThat(names(FLOW.before("d", piece, op -> op.equals("Mul"))))
        .containsExactly("a", "b", "d");
    assertThat(names(FLOW.before("d", piece, op -> op.equals("Mul") || op.equals("Neg"))))
        .containsExactly("d");
    assertThat(names(FLOW.before("d", nodes("c", "d"), op -> false))).containsExactly("c", "d");
  }

  @Test
  void tellsWhoReadsWhatIsInsideOfAPiece() {
    assertThat(FLOW.readersInside(nodes("b", "c", "d"), "d")).isEmpty();
    assertThat(FLOW.readersInside(nodes("a", "b", "d"), "d")).containsExactly("c");
    assertThat(FLOW.readersInside(nodes("x", "w"), "x")).containsExactly("c", "other");
  }

  @Test
  void saysWhichNodeIsMissing() {
    assertThat(FLOW.contains("a")).isTrue();
    assertThat(FLOW.contains("a:1")).isFalse();
    assertThatThrownBy(() -> FLOW.node("q")).hasMessage("the graph has no node q");
  }
}
