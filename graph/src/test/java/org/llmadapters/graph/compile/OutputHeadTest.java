package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

final class OutputHeadTest {
  private static GraphDef graph(Architecture family) {
    OptionalInt none = OptionalInt.empty();
    return Architecture.build(
            family
                .family()
                .config(
                    new Sizes(17, 24, 20, 2, 64),
                    new AttentionConfig(3, 3, 8),
                    new TokenIds(none, List.of(), none)),
            WeightDtype.BFLOAT16)
        .graphDef();
  }

  @ParameterizedTest
  @EnumSource(Architecture.class)
  void everyFamilyEndsInOneLinearLayer(Architecture family) {
    OutputHead head = OutputHead.of(graph(family)).orElseThrow();
    assertThat(head.outIn()).isTrue();
    assertThat(head.bias().isPresent()).isEqualTo(family == Architecture.GPT_J);
    assertThat(head.nodes()).hasSize(family == Architecture.GPT_J ? 3 : 2);
    assertThat(head.hidden()).doesNotContain("/0/", "/1/"); // of no block
  }

  /** As an adapter that adds to the layer's output. */
  @Test
  void aLayerWithMoreBehindItIsNotTaken() {
    GraphDef.Builder adapted = GraphDef.newBuilder();
    for (NodeDef node : graph(Architecture.LLAMA).getNodeList()) {
      if (node.getName().equals("logits")) {
        adapted.addNode(
            NodeDef.newBuilder().setName("more").setOp("Neg").addInput(node.getInput(0)));
        node = node.toBuilder().setInput(0, "more").build();
      }
      adapted.addNode(node);
    }
    assertThat(OutputHead.of(adapted.build())).isEmpty();
  }
}
