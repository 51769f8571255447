package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.rewrite.Nodes.find;
import static org.llmadapters.graph.rewrite.Nodes.graph;
import static org.llmadapters.graph.rewrite.Nodes.names;
import static org.llmadapters.graph.rewrite.Nodes.node;
import static org.llmadapters.graph.rewrite.Nodes.placeholder;
import static org.llmadapters.graph.rewrite.Nodes.weight;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;

/** {@code wide = cast(half) * x + full}, with {@code half} in bfloat16. */
final class VariablesAsInputsTest {
  private static final Weight HALF = new Weight("m.half", WeightDtype.BFLOAT16, List.of(3L));
  private static final Weight FULL = weight("m.full", 3L);
  private static final GraphDef GRAPH =
      graph(
          placeholder("x", -1L, 3L),
          VariableNodes.handle(HALF),
          VariableNodes.handle(FULL),
          VariableNodes.read(FULL),
          VariableNodes.read(HALF),
          cast("wide", "m/half/Read", DataType.DT_BFLOAT16, DataType.DT_FLOAT),
          node("product", "Mul", "wide", "x"),
          node("sum", "AddV2", "product", "m/full/Read"));

  private static NodeDef cast(String name, String input, DataType from, DataType to) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("Cast")
        .addInput(input)
        .putAttr("SrcT", VariableNodes.type(from))
        .putAttr("DstT", VariableNodes.type(to))
        .build();
  }

  private static NodeDef input(String name, Weight weight) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("Placeholder")
        .putAttr("dtype", VariableNodes.type(weight.dtype().dataType()))
        .putAttr("shape", VariableNodes.shape(weight.shape()))
        .build();
  }

  @Test
  void turnsReadsIntoPlaceholdersAndDropsHandles() {
    VariablesAsInputs inputs = VariablesAsInputs.of(GRAPH);
    assertThat(names(inputs.body()))
        .containsExactly("x", "m/full/Read", "m/half/Read", "wide", "product", "sum");
    assertThat(inputs.variables()).containsExactly(FULL, HALF);
    assertThat(find(inputs.body(), "m/full/Read")).isEqualTo(input("m/full/Read", FULL));
    assertThat(find(inputs.body(), "m/half/Read")).isEqualTo(input("m/half/Read", HALF));
    assertThat(find(inputs.body(), "sum")).isEqualTo(find(GRAPH, "sum"));
    assertThat(inputs.input(FULL)).isEqualTo("m/full/Read");
    assertThat(inputs.input(HALF)).isEqualTo("m/half/Read");
  }

  @Test
  void leavesAGraphWithoutVariablesAsItIs() {
    GraphDef graph = graph(placeholder("x"), node("a", "Neg", "x"));
    assertThat(VariablesAsInputs.of(graph)).isEqualTo(new VariablesAsInputs(graph, List.of()));
  }

  @Test
  void rejectsASecondReadOfAVariable() {
    GraphDef graph = graph(VariableNodes.handle(FULL), VariableNodes.read("second", FULL));
    assertThatThrownBy(() -> VariablesAsInputs.of(graph))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("second is not the one value of a variable");
  }

  @Test
  void rejectsAReadOfSomethingElse() {
    GraphDef graph = graph(placeholder("m/full"), VariableNodes.read(FULL));
    assertThatThrownBy(() -> VariablesAsInputs.of(graph))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("m/full/Read is not the one value of a variable");
  }

  @Test
  void withShapesFixesTheNamedPlaceholdersOnly() {
    VariablesAsInputs inputs = VariablesAsInputs.of(GRAPH);
    VariablesAsInputs fixed = inputs.withShapes(Map.of("x", List.of(2L, 3L)));
    AttrValue shape = find(fixed.body(), "x").getAttrOrThrow("shape");
    assertThat(shape).isEqualTo(VariableNodes.shape(List.of(2L, 3L)));
    assertThat(fixed.variables()).isEqualTo(inputs.variables());
    assertThat(fixed.body().getNodeList().subList(1, 6))
        .isEqualTo(inputs.body().getNodeList().subList(1, 6));
  }

  @Test
  void withFloat32MastersRoundsInsideTheBody() {
    VariablesAsInputs masters = VariablesAsInputs.of(GRAPH).withFloat32Masters(name -> true);
    Weight master = new Weight("m.half", WeightDtype.FLOAT32, List.of(3L));
    assertThat(names(masters.body()))
        .containsExactly(
            "x", "m/full/Read", "m/half/Read/master", "m/half/Read", "wide", "product", "sum");
    assertThat(masters.variables()).containsExactly(FULL, master);
    assertThat(masters.input(master)).isEqualTo("m/half/Read/master");
    assertThat(masters.input(FULL)).isEqualTo("m/full/Read");
    assertThat(find(masters.body(), "m/half/Read/master"))
        .isEqualTo(input("m/half/Read/master", master));
    assertThat(find(masters.body(), "m/half/Read"))
        .isEqualTo(
            cast("m/half/Read", "m/half/Read/master", DataType.DT_FLOAT, DataType.DT_BFLOAT16));
  }

  @Test
  void withFloat32MastersLeavesTheOthersAsTheyAre() {
    VariablesAsInputs inputs = VariablesAsInputs.of(GRAPH);
    assertThat(inputs.withFloat32Masters(name -> name.equals("m.full"))).isEqualTo(inputs);
  }

  /** 1 + 1/256 has no bfloat16; the nearest even one is 1. */
  @Test
  void aMasterIsRoundedToItsDtypeInASession() {
    GraphDef body = VariablesAsInputs.of(GRAPH).withFloat32Masters(name -> true).body();
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(body);
      try (Session session = new Session(graph, SessionOptions.oneReplica().toProto());
          TFloat32 half = TFloat32.vectorOf(1 + 1 / 256f, -2, 0.5f);
          TFloat32 full = TFloat32.vectorOf(10, 20, 30);
          TFloat32 x = TFloat32.tensorOf(StdArrays.ndCopyOf(new float[][] {{1, 2, 4}}));
          Result result =
              session
                  .runner()
                  .feed("m/half/Read/master", half)
                  .feed("m/full/Read", full)
                  .feed("x", x)
                  .fetch("sum")
                  .run()) {
        TFloat32 sum = (TFloat32) result.get(0);
        assertThat(StdArrays.array2dCopyOf(sum)).isEqualTo(new float[][] {{11, 16, 32}});
      }
    }
  }
}
