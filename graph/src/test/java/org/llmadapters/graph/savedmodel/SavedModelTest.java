package org.llmadapters.graph.savedmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.savedmodel.VariableSaver.Saver;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SaverDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.VersionDef;
import org.tensorflow.types.TFloat32;

class SavedModelTest {
  private static final Weight WEIGHT =
      new Weight("model.linear.weight", WeightDtype.FLOAT32, List.of(3L, 2L));
  private static final Weight BIAS =
      new Weight("model.linear.bias", WeightDtype.BFLOAT16, List.of(2L));

  @TempDir Path directory;

  /** output = input weight + bias, with input float32 [batch, 3]. */
  private static GraphDef linear() {
    return GraphDef.newBuilder()
        .setVersions(VersionDef.newBuilder().setProducer(1882))
        .addNode(
            node("input", "Placeholder")
                .putAttr("dtype", VariableNodes.type(DataType.DT_FLOAT))
                .putAttr("shape", VariableNodes.shape(List.of(-1L, 3L))))
        .addNode(VariableNodes.handle(WEIGHT))
        .addNode(VariableNodes.read(WEIGHT))
        .addNode(VariableNodes.handle(BIAS))
        .addNode(VariableNodes.read(BIAS))
        .addNode(
            node("product", "MatMul")
                .addInput("input")
                .addInput("model/linear/weight/Read")
                .putAttr("T", VariableNodes.type(DataType.DT_FLOAT)))
        .addNode(
            node("wideBias", "Cast")
                .addInput("model/linear/bias/Read")
                .putAttr("SrcT", VariableNodes.type(DataType.DT_BFLOAT16))
                .putAttr("DstT", VariableNodes.type(DataType.DT_FLOAT)))
        .addNode(
            node("output", "AddV2")
                .addInput("product")
                .addInput("wideBias")
                .putAttr("T", VariableNodes.type(DataType.DT_FLOAT)))
        .build();
  }

  private static NodeDef.Builder node(String name, String op) {
    return NodeDef.newBuilder().setName(name).setOp(op);
  }

  private static SignatureDef signature() {
    return SignatureDef.newBuilder()
        .setMethodName("tensorflow/serving/predict")
        .putInputs("input", info("input:0", -1L, 3L))
        .putOutputs("output", info("output:0", -1L, 2L))
        .build();
  }

  private static TensorInfo info(String name, Long... shape) {
    return TensorInfo.newBuilder()
        .setName(name)
        .setDtype(DataType.DT_FLOAT)
        .setTensorShape(VariableNodes.shape(List.of(shape)).getShape())
        .build();
  }

  private void writeLinear() throws IOException {
    try (TensorBundleWriter writer =
        TensorBundleWriter.create(SavedModelWriter.variables(directory), 16)) {
      ByteBuffer weight = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
      for (float element : new float[] {1, 2, 3, 4, 5, 6}) {
        weight.putFloat(element);
      }
      new TestTensor(WEIGHT.name(), DataType.DT_FLOAT, WEIGHT.shape(), weight.flip()).addTo(writer);
      // 0.5 and -2, the upper halves of their floats
      ByteBuffer bias = ByteBuffer.wrap(new byte[] {0x00, 0x3f, 0x00, (byte) 0xc0});
      new TestTensor(BIAS.name(), DataType.DT_BFLOAT16, BIAS.shape(), bias).addTo(writer);
      writer.finish();
    }
    Saver saver = VariableSaver.addTo(linear(), List.of(WEIGHT, BIAS));
    SavedModelWriter.write(
        directory, saver.graph(), Map.of("serving_default", signature()), saver.saverDef());
  }

  @Test
  void tensorFlowLoadsAndRunsTheModel() throws IOException {
    TensorFlowRuntime.load();
    writeLinear();
    try (SavedModelBundle model = SavedModelBundle.load(directory.toString(), "serve");
        TFloat32 input =
            TFloat32.tensorOf(StdArrays.ndCopyOf(new float[][] {{1, 0, 0}, {1, -1, 2}}));
        Result result = model.call(Map.of("input", input))) {
      TFloat32 output = (TFloat32) result.get("output").orElseThrow();
      // [1 2], then [1 2] - [3 4] + 2 [5 6]; plus [0.5 -2]
      assertThat(output).isEqualTo(StdArrays.ndCopyOf(new float[][] {{1.5f, 0f}, {8.5f, 8f}}));
      assertThat(model.signatures()).hasSize(1);
    }
  }

  @Test
  void readsBackWhatWasWritten() throws IOException {
    writeLinear();
    Saver saver = VariableSaver.addTo(linear(), List.of(WEIGHT, BIAS));
    MetaGraphDef read = SavedModelReader.read(directory);
    assertThat(read.getGraphDef()).isEqualTo(saver.graph());
    assertThat(read.getSaverDef()).isEqualTo(saver.saverDef());
    assertThat(read.getSignatureDefMap()).isEqualTo(Map.of("serving_default", signature()));
    assertThat(read.getMetaInfoDef().getTensorflowVersion()).isEqualTo("2.18.0");
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("saved_model.pb", "variables");
    }
  }

  @Test
  void replacesAnEarlierModel() throws IOException {
    writeLinear();
    SavedModelWriter.write(directory, linear(), Map.of(), SaverDef.getDefaultInstance());
    assertThat(SavedModelReader.read(directory).getGraphDef()).isEqualTo(linear());
  }

  @Test
  void rejectsAGraphOf2GiB() {
    ByteString megabyte = ByteString.copyFrom(new byte[1 << 20]);
    NodeDef constant =
        node("c", "Const").putAttr("value", AttrValue.newBuilder().setS(megabyte).build()).build();
    GraphDef graph = GraphDef.newBuilder().addAllNode(Collections.nCopies(2048, constant)).build();
    assertThatThrownBy(
            () -> SavedModelWriter.write(directory, graph, Map.of(), SaverDef.getDefaultInstance()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the graph has 2 GiB or more, which Protocol Buffers cannot store; keep weights in"
                + " variables, not in constants");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void rejectsADirectoryWithoutSavedModel() {
    assertRejected("no such file; expected the directory of a SavedModel");
  }

  @Test
  void rejectsAFileThatIsNoProtobuf() throws IOException {
    Files.writeString(directory.resolve("saved_model.pb"), "{\"model_type\": \"llama\"}");
    assertThatThrownBy(() -> SavedModelReader.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            directory.resolve("saved_model.pb") + ": not a SavedModel protobuf: ");
  }

  @Test
  void rejectsAModelThatIsNotForServing() throws IOException {
    Files.write(directory.resolve("saved_model.pb"), new byte[0]);
    assertRejected("no meta graph for serving; got the tags [], expected [serve]");
    SavedModel.Builder model = SavedModel.newBuilder();
    model.addMetaGraphsBuilder().getMetaInfoDefBuilder().addTags("train");
    model.addMetaGraphsBuilder().getMetaInfoDefBuilder().addTags("serve").addTags("gpu");
    Files.write(directory.resolve("saved_model.pb"), model.build().toByteArray());
    assertRejected(
        "no meta graph for serving; got the tags [[train], [serve, gpu]], expected [serve]");
  }

  private void assertRejected(String problem) {
    assertThatThrownBy(() -> SavedModelReader.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(directory.resolve("saved_model.pb") + ": " + problem);
  }

  @Test
  void mutatedModelsAreRejectedOrRead() throws IOException {
    writeLinear();
    Path file = directory.resolve("saved_model.pb");
    byte[] sound = Files.readAllBytes(file);
    Random random = new Random(1);
    int rejected = 0;
    for (int i = 0; i < 500; i++) {
      byte[] bytes = Arrays.copyOf(sound, sound.length - (i % 5 == 0 ? random.nextInt(99) : 0));
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      Files.write(file, bytes);
      try {
        SavedModelReader.read(directory);
      } catch (FormatException e) {
        rejected++;
      }
    }
    assertThat(rejected).isBetween(50, 499);
  }
}
