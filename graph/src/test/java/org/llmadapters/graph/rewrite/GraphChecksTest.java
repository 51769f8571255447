package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.rewrite.Nodes.graph;
import static org.llmadapters.graph.rewrite.Nodes.node;
import static org.llmadapters.graph.rewrite.Nodes.placeholder;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

final class GraphChecksTest {
  private static final GraphDef BASE =
      graph(placeholder("x"), node("a", "Neg", "x"), node("b", "AddV2", "a", "x"));

  private static GraphDef baseAnd(NodeDef... added) {
    return BASE.toBuilder().addAllNode(List.of(added)).build();
  }

  private static String invalid(String changes, String... problems) {
    return "invalid graph after a rewrite (" + changes + "):\n  " + String.join("\n  ", problems);
  }

  @Test
  void acceptsNewNodesAndMovedEdges() {
    GraphDef rewritten =
        graph(
            placeholder("x"),
            node("a", "Neg", "x"),
            node("b", "AddV2", "a2:0", "x", "^a"),
            node("a2", "Split", "a"));
    GraphDef base =
        graph(placeholder("x"), node("a", "Neg", "x"), node("b", "AddV2", "a", "x", "^a"));
    assertThatCode(() -> GraphChecks.check(base, rewritten)).doesNotThrowAnyException();
  }

  @Test
  void rejectsTwoNodesOfOneName() {
    assertThatThrownBy(
            () -> GraphChecks.check(BASE, baseAnd(node("n", "Neg", "x"), node("n", "Neg", "a"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(invalid("+2 nodes, 0 edges moved", "two nodes are called n"));
  }

  @Test
  void rejectsInputsThatDoNotExist() {
    assertThatThrownBy(() -> GraphChecks.check(BASE, baseAnd(node("n", "AddV2", "q:1", "a", "^r"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            invalid(
                "+1 nodes, 0 edges moved",
                "n reads q:1, which does not exist",
                "n reads ^r, which does not exist"));
  }

  @Test
  void rejectsACycle() {
    GraphDef rewritten =
        graph(
            placeholder("x"),
            node("a", "Neg", "n"),
            node("b", "AddV2", "a", "x"),
            node("n", "Neg", "b"));
    assertThatThrownBy(() -> GraphChecks.check(BASE, rewritten))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(invalid("+1 nodes, 1 edges moved", "cycle through b and a"));
  }

  @Test
  void rejectsANodeThatReadsItself() {
    assertThatThrownBy(() -> GraphChecks.check(BASE, baseAnd(node("n", "Neg", "n"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(invalid("+1 nodes, 0 edges moved", "cycle through n and n"));
  }

  @Test
  void acceptsTwoWaysToTheSameNode() {
    GraphDef diamond =
        baseAnd(
            node("n", "AddV2", "a", "b"),
            node("m", "AddV2", "n", "a"),
            node("o", "AddV2", "m", "n"));
    assertThatCode(() -> GraphChecks.check(BASE, diamond)).doesNotThrowAnyException();
  }

  @Test
  void rejectsChangedAndLostNodesOfTheBase() {
    GraphDef otherOp = graph(placeholder("x"), node("a", "Exp", "x"), node("b", "AddV2", "a", "x"));
    NodeDef otherType =
        node("a", "Neg", "x").toBuilder()
            .putAttr("T", VariableNodes.type(DataType.DT_DOUBLE))
            .build();
    GraphDef otherAttribute = graph(placeholder("x"), otherType, node("b", "AddV2", "a", "x"));
    for (GraphDef changed : List.of(otherOp, otherAttribute)) {
      assertThatThrownBy(() -> GraphChecks.check(BASE, changed))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(invalid("+0 nodes, 0 edges moved", "a of the base was changed or lost"));
    }
    assertThatThrownBy(
            () -> GraphChecks.check(BASE, graph(placeholder("x"), node("a", "Neg", "x"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(invalid("-1 nodes, 0 edges moved", "b of the base was changed or lost"));
  }

  @Test
  void rejectsAnotherNumberOfInputs() {
    GraphDef fewer = graph(placeholder("x"), node("a", "Neg", "x"), node("b", "AddV2", "a"));
    assertThatThrownBy(() -> GraphChecks.check(BASE, fewer))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("b of the base was changed or lost");
    GraphDef more =
        graph(placeholder("x"), node("a", "Neg", "x"), node("b", "AddV2", "a", "x", "x"));
    assertThatThrownBy(() -> GraphChecks.check(BASE, more))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("b of the base was changed or lost");
  }

  @Test
  void listsTheFirstTwentyProblems() {
    List<NodeDef> dangling = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      dangling.add(node("n" + i, "Neg", "q"));
    }
    GraphDef rewritten = BASE.toBuilder().addAllNode(dangling).build();
    assertThatThrownBy(() -> GraphChecks.check(BASE, rewritten))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("n19 reads q")
        .hasMessageNotContaining("n20 reads q");
  }

  /** Deeper than a thread's stack would take. */
  @Test
  void followsChainsOfAnyDepth() {
    List<NodeDef> chain = new ArrayList<>();
    for (int i = 0; i < 100_000; i++) {
      chain.add(node("n" + i, "Neg", i == 99_999 ? "x" : "n" + (i + 1)));
    }
    GraphDef rewritten = BASE.toBuilder().addAllNode(chain).build();
    assertThatCode(() -> GraphChecks.check(BASE, rewritten)).doesNotThrowAnyException();
  }
}
