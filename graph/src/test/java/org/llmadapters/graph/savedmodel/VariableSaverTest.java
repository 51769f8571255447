package org.llmadapters.graph.savedmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.savedmodel.VariableSaver.Saver;
import org.tensorflow.Graph;
import org.tensorflow.Session;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SaverDef;
import org.tensorflow.proto.VersionDef;
import org.tensorflow.types.TString;

class VariableSaverTest {
  @TempDir Path directory;

  /** 150 weights of all dtypes: three groups of at most 64. */
  private static List<Weight> weights() {
    List<Weight> weights = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      weights.add(
          new Weight(
              "model.layers." + i + ".weight",
              WeightDtype.FLOATING.get(i % 3),
              i == 149 ? List.of() : List.of(1L + i % 5, 2L)));
    }
    return weights;
  }

  private static GraphDef handles(List<Weight> weights) {
    GraphDef.Builder graph =
        GraphDef.newBuilder().setVersions(VersionDef.newBuilder().setProducer(1882));
    weights.forEach(weight -> graph.addNode(VariableNodes.handle(weight)));
    return graph.build();
  }

  @Test
  void restoresAndSavesEveryVariable() throws IOException {
    TensorFlowRuntime.load();
    List<Weight> weights = weights();
    Random random = new Random(1);
    List<TestTensor> tensors =
        weights.stream()
            .map(w -> TestTensor.random(w.name(), w.dtype().dataType(), w.shape(), random))
            .toList();
    Path original = directory.resolve("original").resolve("variables");
    try (TensorBundleWriter writer = TensorBundleWriter.create(original, 1000)) {
      for (TestTensor tensor : tensors) {
        tensor.addTo(writer);
      }
      writer.finish();
    }

    Saver saver = VariableSaver.addTo(handles(weights), weights);
    Path copy = directory.resolve("copy").resolve("variables");
    SaverDef def = saver.saverDef();
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(saver.graph());
      try (Session session = new Session(graph);
          TString originalName = TString.scalarOf(original.toString());
          TString copyName = TString.scalarOf(copy.toString())) {
        session
            .runner()
            .feed(def.getFilenameTensorName(), originalName)
            .addTarget(def.getRestoreOpName())
            .run()
            .close();
        session
            .runner()
            .feed(def.getFilenameTensorName(), copyName)
            .fetch(def.getSaveTensorName())
            .run()
            .close();
      }
    }
    assertThat(TensorFlowBundles.restore(copy, tensors)).isEqualTo(tensors);
    TensorBundle bundle = TensorBundle.open(copy);
    assertThat(bundle.entries()).hasSameSizeAs(tensors);
    for (TestTensor tensor : tensors) {
      assertThat(bundle.read(bundle.entry(tensor.key()))).isEqualTo(tensor.bytes());
    }
  }

  @Test
  void keepsTheGraphAndAddsNodesUnderSaveOnly() {
    List<Weight> weights = weights();
    GraphDef graph = handles(weights);
    GraphDef added = VariableSaver.addTo(graph, weights).graph();
    assertThat(added.getNodeList().subList(0, weights.size())).isEqualTo(graph.getNodeList());
    assertThat(added.getVersions()).isEqualTo(graph.getVersions());
    List<NodeDef> saver = added.getNodeList().subList(weights.size(), added.getNodeCount());
    assertThat(saver).allMatch(node -> node.getName().startsWith("save/"));
    assertThat(saver)
        .filteredOn(node -> node.getOp().equals("RestoreV2"))
        .extracting(node -> node.getAttrOrThrow("dtypes").getList().getTypeCount())
        .containsExactly(64, 64, 22);
  }

  @Test
  void namesTheNodesThatALoaderRuns() {
    List<Weight> weights = weights();
    assertThat(VariableSaver.addTo(handles(weights), weights).saverDef())
        .isEqualTo(
            SaverDef.newBuilder()
                .setFilenameTensorName("save/filename:0")
                .setSaveTensorName("save/control_dependency:0")
                .setRestoreOpName("save/restore_all")
                .setVersion(SaverDef.CheckpointFormatVersion.V2)
                .setSharded(false)
                .build());
  }

  @Test
  void leavesOtherVariablesAlone() {
    List<Weight> weights = weights();
    GraphDef added = VariableSaver.addTo(handles(weights), weights.subList(0, 1)).graph();
    assertThat(added.getNodeList())
        .filteredOn(node -> node.getOp().equals("AssignVariableOp"))
        .extracting(NodeDef::getName)
        .containsExactly("save/assign/model/layers/0/weight");
  }

  @Test
  void rejectsVariablesThatDoNotFitTheGraph() {
    Weight here = new Weight("a.weight", WeightDtype.FLOAT16, List.of(2L));
    Weight missing = new Weight("b.weight", WeightDtype.FLOAT16, List.of(2L));
    Weight otherDtype = new Weight("c.weight", WeightDtype.FLOAT16, List.of(2L));
    Weight inGraph = new Weight("c.weight", WeightDtype.BFLOAT16, List.of(2L));
    GraphDef graph =
        handles(List.of(here, inGraph)).toBuilder()
            .addNode(NodeDef.newBuilder().setName("save/filename").setOp("Placeholder"))
            .build();
    assertThatThrownBy(() -> VariableSaver.addTo(graph, List.of(here, missing, otherDtype, here)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "cannot save the variables: the graph has a node save/filename already;"
                + " no VarHandleOp b/weight; VarHandleOp c/weight is not of float16;"
                + " two weights for VarHandleOp a/weight");
  }

  @Test
  void rejectsAGraphWithoutVariables() {
    assertThatThrownBy(() -> VariableSaver.addTo(handles(List.of()), List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("cannot save the variables: there are none");
  }
}
