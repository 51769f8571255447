package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.graph.rewrite.Nodes.node;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.tensorflow.proto.NodeDef;

final class NodeCopiesTest {
  /** Reads x, w and a control edge of z from outside. */
  private static final List<NodeDef> NODES =
      List.of(
          node("s/a", "Unpack", "x", "^z"),
          node("b", "Mul", "s/a:1", "w:2"),
          node("c", "AddV2", "b:0", "s/a", "^b"));

  @Test
  void copiesReadEachOtherAndShareTheRest() {
    assertThat(NodeCopies.of(NODES, "copy/", Map.of()))
        .containsExactly(
            node("copy/s/a", "Unpack", "x", "^z"),
            node("copy/b", "Mul", "copy/s/a:1", "w:2"),
            node("copy/c", "AddV2", "copy/b:0", "copy/s/a", "^copy/b"));
  }

  @Test
  void tensorsAreReplacedByTheirOutput() {
    assertThat(NodeCopies.of(NODES, "copy/", Map.of("x", "y:3", "w:2", "v")))
        .containsExactly(
            node("copy/s/a", "Unpack", "y:3", "^z"),
            node("copy/b", "Mul", "copy/s/a:1", "v"),
            node("copy/c", "AddV2", "copy/b:0", "copy/s/a", "^copy/b"));
    // Another output of the same node is another tensor.
    assertThat(NodeCopies.of(NODES, "copy/", Map.of("w", "v")))
        .contains(node("copy/b", "Mul", "copy/s/a:1", "w:2"));
  }

  /**
   * Output 0 is the same tensor with its number and without; who waits for it waits for the new.
   */
  @Test
  void aTensorOfTheNodesThemselvesMayBeReplaced() {
    assertThat(NodeCopies.of(NODES, "copy/", Map.of("b", "y:1", "z", "later")))
        .containsExactly(
            node("copy/s/a", "Unpack", "x", "^later"),
            node("copy/b", "Mul", "copy/s/a:1", "w:2"),
            node("copy/c", "AddV2", "y:1", "copy/s/a", "^y"));
  }

  @Test
  void keepsOperationsAndAttributes() {
    NodeDef placeholder = Nodes.placeholder("p", 2L, 3L);
    assertThat(NodeCopies.of(List.of(placeholder), "q/", Map.of()))
        .containsExactly(placeholder.toBuilder().setName("q/p").build());
  }

  @Test
  void inputsAreWhatIsReadFromOutsideOnceEach() {
    assertThat(NodeCopies.inputs(NODES)).containsExactly("x", "w:2");
    assertThat(
            NodeCopies.inputs(
                List.of(node("a", "AddV2", "x:0", "x"), node("b", "AddV2", "x:1", "a"))))
        .containsExactly("x", "x:1");
  }
}
