package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.rewrite.Nodes.graph;
import static org.llmadapters.graph.rewrite.Nodes.node;
import static org.llmadapters.graph.rewrite.Nodes.placeholder;
import static org.llmadapters.graph.rewrite.Nodes.weight;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

final class SitesTest {
  private static final Weight WEIGHT =
      new Weight("model.layers.0.q_proj.weight", WeightDtype.BFLOAT16, List.of(7L, 5L));
  private static final NodeDef HANDLE = VariableNodes.handle(WEIGHT);
  private static final NodeDef READ = VariableNodes.read(WEIGHT);

  private static List<NodeDef> layer(String path) {
    return List.of(
        node(path + "/input", "Identity", "x"),
        matMul(path, true),
        node(path + "/output", "Identity", path + "/MatMul"));
  }

  @Test
  void findsALinearLayerInBothGraphs() {
    GraphDef graph =
        graph(placeholder("x"), HANDLE, READ).toBuilder()
            .addAllNode(layer("model/layers/0/q_proj"))
            .addAllNode(layer("decode/model/layers/0/q_proj"))
            .build();
    assertThat(Sites.linear(graph))
        .containsExactly(
            new LinearSite(
                "model.layers.0.q_proj", "", 5, 7, WeightLayout.OUT_IN, WeightDtype.BFLOAT16),
            new LinearSite(
                "model.layers.0.q_proj",
                "decode/",
                5,
                7,
                WeightLayout.OUT_IN,
                WeightDtype.BFLOAT16));
  }

  @Test
  void aWeightThatIsNotTransposedIsStoredInOut() {
    GraphDef graph =
        graph(
            placeholder("x"),
            HANDLE,
            READ,
            node("a/input", "Identity", "x"),
            matMul("a", false),
            node("a/output", "Identity", "a/MatMul"));
    assertThat(Sites.linear(graph))
        .containsExactly(new LinearSite("a", "", 7, 5, WeightLayout.IN_OUT, WeightDtype.BFLOAT16));
  }

  private static NodeDef matMul(String path, boolean transposeB) {
    return node(path + "/MatMul", "MatMul", path + "/input", READ.getName()).toBuilder()
        .putAttr("transpose_b", AttrValue.newBuilder().setB(transposeB).build())
        .build();
  }

  @Test
  void aSiteKnowsItsNodes() {
    LinearSite site =
        new LinearSite("model.q_proj", "decode/", 5, 7, WeightLayout.OUT_IN, WeightDtype.FLOAT32);
    assertThat(site.input()).isEqualTo("decode/model/q_proj/input");
    assertThat(site.output()).isEqualTo("decode/model/q_proj/output");
    assertThat(site.node("")).isEqualTo("decode/model/q_proj/");
  }

  @Test
  void doesNotFireOnProductsThatAreNoLayers() {
    List<NodeDef> layer = layer("a");
    GraphDef withoutInput = graph(placeholder("x"), HANDLE, READ, layer.get(1), layer.get(2));
    GraphDef withoutOutput = graph(placeholder("x"), HANDLE, READ, layer.get(0), layer.get(1));
    GraphDef otherInput =
        graph(
            placeholder("x"),
            HANDLE,
            READ,
            node("a/input", "Neg", "x"),
            layer.get(1),
            layer.get(2));
    GraphDef otherOp =
        graph(
            placeholder("x"),
            HANDLE,
            READ,
            layer.get(0),
            node("a/MatMul", "BatchMatMulV2", "a/input", READ.getName()),
            layer.get(2));
    GraphDef otherName =
        graph(
            placeholder("x"),
            HANDLE,
            READ,
            layer.get(0),
            node("a/MatMul_1", "MatMul", "a/input", READ.getName()),
            layer.get(2));
    for (GraphDef graph :
        List.of(withoutInput, withoutOutput, otherInput, otherOp, otherName, graph())) {
      assertThat(Sites.linear(graph)).isEmpty();
    }
  }

  @Test
  void rejectsALayerWhoseWeightIsNoVariable() {
    NodeDef input = node("a/input", "Identity", "x");
    NodeDef output = node("a/output", "Identity", "a/MatMul");
    GraphDef constant =
        graph(
            placeholder("x"),
            placeholder("w"),
            input,
            node("a/MatMul", "MatMul", "a/input", "w"),
            output);
    GraphDef computed =
        graph(
            placeholder("x"),
            placeholder("w"),
            node("w2", "Neg", "w"),
            input,
            node("a/MatMul", "MatMul", "a/input", "w2"),
            output);
    for (GraphDef graph : List.of(constant, computed)) {
      assertThatThrownBy(() -> Sites.linear(graph))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a/MatMul: input 1 must be the value of a variable");
    }
  }

  @Test
  void variableNodesCarryWhatTheWeightSays() {
    Weight weight = weight("model.norm.weight", 12L);
    assertThat(VariableNodes.handle(weight).getAttrOrThrow("shared_name").getS().toStringUtf8())
        .isEqualTo("model/norm/weight");
    assertThat(VariableNodes.read(weight).getName()).isEqualTo("model/norm/weight/Read");
    assertThat(VariableNodes.read(weight).getInputList()).containsExactly("model/norm/weight");
    assertThat(VariableNodes.read("other", weight).getName()).isEqualTo("other");
  }
}
