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
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.VersionDef;
import org.tensorflow.types.TFloat32;

/** {@code x -> a = -x -> b = a^2 -> c = a + b}, and what takes the place of {@code a}. */
final class GraphRewriterTest {
  private static final GraphDef BASE =
      graph(
          placeholder("x"),
          node("a", "Neg", "x"),
          node("b", "Square", "a"),
          node("c", "AddV2", "a:0", "b"));

  /** {@code a2 = a + x}, which reads the tensor that it replaces. */
  private static final Fragment PLUS_X =
      new Fragment(List.of(node("a2", "AddV2", "a", "x")), "a", "a2");

  @Test
  void firesOnEveryReaderOfTheReplacedTensor() {
    GraphDef rewritten = GraphRewriter.on(BASE).insert(PLUS_X).expecting(1).rewrite();
    assertThat(names(rewritten)).containsExactly("x", "a", "b", "c", "a2");
    assertThat(find(rewritten, "b").getInputList()).containsExactly("a2");
    assertThat(find(rewritten, "c").getInputList()).containsExactly("a2", "b");
  }

  @Test
  void doesNotFireOnTheFragmentItself() {
    GraphDef rewritten = GraphRewriter.on(BASE).insert(PLUS_X).rewrite();
    assertThat(find(rewritten, "a2").getInputList()).containsExactly("a", "x");
  }

  @Test
  void doesNotFireOnNodesThatReadSomethingElse() {
    GraphDef rewritten = GraphRewriter.on(BASE).insert(PLUS_X).rewrite();
    assertThat(find(rewritten, "x")).isEqualTo(find(BASE, "x"));
    assertThat(find(rewritten, "a")).isEqualTo(find(BASE, "a"));
  }

  @Test
  void doesNotFireOnOtherOutputsOfTheNode() {
    GraphDef base =
        graph(
            placeholder("x"),
            node("a", "Unpack", "x"),
            node("b", "AddV2", "a:1", "a"),
            node("c", "Neg", "a:10"));
    Fragment fragment = new Fragment(List.of(node("a2", "Neg", "a")), "a", "a2");
    GraphDef rewritten = GraphRewriter.on(base).insert(fragment).rewrite();
    assertThat(find(rewritten, "b").getInputList()).containsExactly("a:1", "a2");
    assertThat(find(rewritten, "c")).isEqualTo(find(base, "c"));
  }

  @Test
  void doesNotFireOnControlEdges() {
    GraphDef base =
        graph(placeholder("x"), node("a", "Neg", "x"), node("b", "AddV2", "a", "x", "^a"));
    GraphDef rewritten = GraphRewriter.on(base).insert(PLUS_X).rewrite();
    assertThat(find(rewritten, "b").getInputList()).containsExactly("a2", "x", "^a");
  }

  @Test
  void doesNotFireOnNodesWhoseNamesBeginAlike() {
    GraphDef base =
        graph(
            placeholder("x"),
            node("a", "Neg", "x"),
            node("a/b", "Neg", "x"),
            node("c", "Neg", "a/b"),
            node("d", "Neg", "a"));
    GraphDef rewritten = GraphRewriter.on(base).insert(PLUS_X).rewrite();
    assertThat(find(rewritten, "c")).isEqualTo(find(base, "c"));
    assertThat(find(rewritten, "d").getInputList()).containsExactly("a2");
  }

  @Test
  void addsNodesThatReplaceNothing() {
    NodeDef extra = placeholder("seed");
    GraphDef rewritten = GraphRewriter.on(BASE).adding(List.of(extra)).insert(PLUS_X).rewrite();
    assertThat(names(rewritten)).containsExactly("x", "a", "b", "c", "seed", "a2");
    assertThat(find(rewritten, "seed")).isEqualTo(extra);
  }

  @Test
  void keepsWhatTheGraphHasBesidesItsNodes() {
    GraphDef base = BASE.toBuilder().setVersions(VersionDef.newBuilder().setProducer(1882)).build();
    assertThat(GraphRewriter.on(base).insert(PLUS_X).rewrite().getVersions())
        .isEqualTo(base.getVersions());
  }

  @Test
  void leavesTheBaseAsItWas() {
    GraphDef copy = BASE.toBuilder().build();
    GraphDef rewritten = GraphRewriter.on(BASE).insert(PLUS_X).rewrite();
    assertThat(BASE).isEqualTo(copy).isNotEqualTo(rewritten);
  }

  /** -x + x = 0, so c = 0 + 0^2, where the base gives -3 + 9. */
  @Test
  void theResultRunsInASession() {
    assertThat(run(BASE, 3)).isEqualTo(6);
    assertThat(run(GraphRewriter.on(BASE).insert(PLUS_X).rewrite(), 3)).isEqualTo(0);
  }

  private static float run(GraphDef graphDef, float x) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(graphDef);
      try (Session session = new Session(graph, SessionOptions.oneReplica().toProto());
          TFloat32 input = TFloat32.scalarOf(x);
          Result result = session.runner().feed("x", input).fetch("c").run()) {
        return ((TFloat32) result.get(0)).getFloat();
      }
    }
  }

  @Test
  void rejectsARewriteThatReplacesNothing() {
    assertThatThrownBy(() -> GraphRewriter.on(BASE).rewrite())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the rewrite replaces 0 tensors, expected at least 1");
  }

  @Test
  void rejectsAnotherCountThanExpected() {
    assertThatThrownBy(() -> GraphRewriter.on(BASE).insert(PLUS_X).expecting(2).rewrite())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the rewrite replaces 1 tensors, expected 2");
    assertThatThrownBy(() -> GraphRewriter.on(BASE).insert(PLUS_X).expecting(0).rewrite())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the rewrite replaces 1 tensors, expected 0");
  }

  @Test
  void rejectsATensorThatNobodyReads() {
    Fragment ofOutput = new Fragment(List.of(node("c2", "Neg", "c")), "c", "c2");
    Fragment ofNothing = new Fragment(List.of(node("q2", "Neg", "x")), "q", "q2");
    assertThatThrownBy(
            () ->
                GraphRewriter.on(BASE).insert(PLUS_X).insert(ofOutput).insert(ofNothing).rewrite())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("nothing in the graph reads c, q");
  }

  @Test
  void rejectsReplacingATensorTwice() {
    GraphRewriter rewriter = GraphRewriter.on(BASE).insert(PLUS_X);
    assertThatThrownBy(() -> rewriter.insert(PLUS_X))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a is replaced twice in one rewrite");
  }

  @Test
  void checksTheGraphItMade() {
    Fragment nameTaken = new Fragment(List.of(node("b", "Neg", "a")), "a", "b");
    assertThatThrownBy(() -> GraphRewriter.on(BASE).insert(nameTaken).rewrite())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("two nodes are called b");
  }
}
