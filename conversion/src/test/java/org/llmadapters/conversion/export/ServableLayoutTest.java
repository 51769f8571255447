package org.llmadapters.conversion.export;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.LoadedModel;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.savedmodel.MaskedCrc32c;
import org.llmadapters.graph.savedmodel.SavedModelReader;
import org.tensorflow.EagerSession;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorProto;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.types.TString;
import org.tensorflow.types.family.TType;

/** An exported version, looked at as TensorFlow Serving does: files, signatures, warm-up. */
final class ServableLayoutTest {
  @TempDir Path directory;
  private Path servable;
  private MetaGraphDef metaGraph;

  @BeforeEach
  void export() throws IOException {
    Path checkpoint = Golden.checkpoint("llama/base", directory.resolve("checkpoint"), 2);
    Files.writeString(checkpoint.resolve("tokenizer.json"), "{}");
    Files.writeString(checkpoint.resolve("generation_config.json"), "{}");
    Path base = directory.resolve("base");
    Converter.convert(checkpoint, base, false);
    servable =
        ServingExport.export(
                new ExportConfig(
                    base,
                    Optional.of(Golden.path("llama/adapters/lora")),
                    directory.resolve("models/tiny"),
                    3,
                    false,
                    false,
                    false))
            .directory();
    metaGraph = SavedModelReader.read(servable);
  }

  @Test
  void hasTheFilesOfAVersion() throws IOException {
    assertThat(servable).isEqualTo(directory.resolve("models/tiny/3"));
    assertThat(directory.resolve("models/tiny").toFile().list()).containsExactly("3");
    try (Stream<Path> files = Files.walk(servable)) {
      assertThat(files.filter(Files::isRegularFile).map(servable::relativize).map(Path::toString))
          .containsExactlyInAnyOrder(
              "saved_model.pb",
              "variables/variables.index",
              "variables/variables.data-00000-of-00001",
              "assets.extra/config.json",
              "assets.extra/generation_config.json",
              "assets.extra/tokenizer.json",
              "assets.extra/tf_serving_warmup_requests");
    }
  }

  @Test
  void hasBothSignatures() {
    assertThat(metaGraph.getMetaInfoDef().getTagsList()).containsExactly("serve");
    assertThat(metaGraph.getSignatureDefMap()).containsOnlyKeys("serving_default", "generate");
    assertSignature(
        "serving_default",
        "attention_mask DT_INT32 [-1, -1], input_ids DT_INT32 [-1, -1]",
        "logits DT_FLOAT [-1, -1, 97]");
    SignatureDef generate = metaGraph.getSignatureDefOrThrow("generate");
    assertThat(described(generate.getInputsMap()))
        .isEqualTo(
            "attention_mask DT_INT32 [-1, -1], input_ids DT_INT32 [-1, -1], max_new_tokens DT_INT32"
                + " []");
    assertThat(generate.getOutputsMap()).containsKey("output_ids");
    assertThat(generate.getMethodName()).isEqualTo("tensorflow/serving/predict");
  }

  private void assertSignature(String name, String inputs, String outputs) {
    SignatureDef signature = metaGraph.getSignatureDefOrThrow(name);
    assertThat(signature.getMethodName()).isEqualTo("tensorflow/serving/predict");
    assertThat(described(signature.getInputsMap())).isEqualTo(inputs);
    assertThat(described(signature.getOutputsMap())).isEqualTo(outputs);
  }

  private static String described(Map<String, TensorInfo> tensors) {
    List<String> described = new ArrayList<>();
    for (String alias : new TreeSet<>(tensors.keySet())) {
      TensorInfo info = get(tensors, alias);
      described.add(alias + " " + info.getDtype() + " " + sizes(info.getTensorShape()));
    }
    return String.join(", ", described);
  }

  private static <V> V get(Map<String, V> map, String key) {
    return Objects.requireNonNull(map.get(key), key);
  }

  private static List<Long> sizes(TensorShapeProto shape) {
    return shape.getDimList().stream().map(TensorShapeProto.Dim::getSize).toList();
  }

  @Test
  void theWarmUpRequestsFitTheirSignatures() throws IOException {
    List<ByteString> records = records();
    assertThat(records).hasSize(2);
    List<String> signatures = new ArrayList<>();
    for (ByteString record : records) {
      UnknownFieldSet request = message(message(UnknownFieldSet.parseFrom(record), 6), 1);
      UnknownFieldSet modelSpec = message(request, 1);
      assertThat(text(modelSpec, 1)).isEqualTo("tiny");
      String signature = text(modelSpec, 3);
      signatures.add(signature);
      Map<String, TensorInfo> expected = metaGraph.getSignatureDefOrThrow(signature).getInputsMap();
      Map<String, TensorProto> inputs = inputs(request);
      assertThat(inputs).containsOnlyKeys(expected.keySet());
      inputs.forEach((alias, tensor) -> assertFits(tensor, get(expected, alias)));
    }
    assertThat(signatures).containsExactlyInAnyOrder("serving_default", "generate");
  }

  private static void assertFits(TensorProto tensor, TensorInfo info) {
    assertThat(tensor.getDtype()).isEqualTo(info.getDtype()).isEqualTo(DataType.DT_INT32);
    List<Long> sizes = sizes(tensor.getTensorShape());
    List<Long> expected = sizes(info.getTensorShape());
    assertThat(sizes).hasSameSizeAs(expected).allMatch(size -> size > 0);
    for (int axis = 0; axis < sizes.size(); axis++) {
      assertThat(expected.get(axis)).isIn(-1L, sizes.get(axis));
    }
    assertThat((long) tensor.getIntValCount())
        .isEqualTo(sizes.stream().reduce(1L, Math::multiplyExact));
  }

  @Test
  void theModelAnswersTheWarmUpRequests() throws IOException {
    try (LoadedModel model = new LoadedModel(servable)) {
      for (ByteString record : records()) {
        UnknownFieldSet request = message(message(UnknownFieldSet.parseFrom(record), 6), 1);
        Map<String, TensorProto> inputs = inputs(request);
        long[] ids = values(get(inputs, "input_ids"));
        long[] mask = values(get(inputs, "attention_mask"));
        if (text(message(request, 1), 3).equals("generate")) {
          int limit = get(inputs, "max_new_tokens").getIntVal(0);
          assertThat(model.generate(1, ids, mask, limit)).hasSize(ids.length + limit);
        } else {
          assertThat(model.logits(1, ids, mask)).hasSize(ids.length * 97);
        }
      }
    }
  }

  private static long[] values(TensorProto tensor) {
    return tensor.getIntValList().stream().mapToLong(Integer::longValue).toArray();
  }

  private static Map<String, TensorProto> inputs(UnknownFieldSet request) throws IOException {
    Map<String, TensorProto> inputs = new HashMap<>();
    for (ByteString bytes : request.getField(2).getLengthDelimitedList()) {
      UnknownFieldSet entry = UnknownFieldSet.parseFrom(bytes);
      inputs.put(
          text(entry, 1), TensorProto.parseFrom(entry.getField(2).getLengthDelimitedList().get(0)));
    }
    return inputs;
  }

  private static UnknownFieldSet message(UnknownFieldSet fields, int number) throws IOException {
    assertThat(fields.getField(number).getLengthDelimitedList()).hasSize(1);
    return UnknownFieldSet.parseFrom(fields.getField(number).getLengthDelimitedList().get(0));
  }

  private static String text(UnknownFieldSet fields, int number) {
    return fields.getField(number).getLengthDelimitedList().get(0).toStringUtf8();
  }

  /** Reads the TFRecord file with its check sums. */
  private List<ByteString> records() throws IOException {
    ByteBuffer bytes =
        ByteBuffer.wrap(
                Files.readAllBytes(servable.resolve("assets.extra/tf_serving_warmup_requests")))
            .order(ByteOrder.LITTLE_ENDIAN);
    List<ByteString> records = new ArrayList<>();
    while (bytes.hasRemaining()) {
      byte[] length = take(bytes, 8);
      assertThat(bytes.getInt()).isEqualTo(MaskedCrc32c.of(ByteBuffer.wrap(length)));
      byte[] data =
          take(
              bytes,
              Math.toIntExact(ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()));
      assertThat(bytes.getInt()).isEqualTo(MaskedCrc32c.of(ByteBuffer.wrap(data)));
      records.add(ByteString.copyFrom(data));
    }
    return records;
  }

  private static byte[] take(ByteBuffer bytes, int count) {
    byte[] taken = new byte[count];
    bytes.get(taken);
    return taken;
  }

  @Test
  void tensorFlowReadsTheRecords() throws IOException {
    List<ByteString> expected = records();
    TensorFlowRuntime.load();
    try (EagerSession session = EagerSession.create()) {
      Ops tf = Ops.create(session);
      // Ops has only version 2 of this operation, which cannot be iterated over in TensorFlow 2.18.
      Operand<TType> dataset =
          tf.scope()
              .env()
              .opBuilder("TFRecordDataset", "records", tf.scope())
              .addInput(
                  tf.constant(
                          servable.resolve("assets.extra/tf_serving_warmup_requests").toString())
                      .asOutput())
              .addInput(tf.constant("").asOutput())
              .addInput(tf.constant(0L).asOutput())
              .build()
              .output(0);
      List<Class<? extends TType>> types = List.of(TString.class);
      List<Shape> shapes = List.of(Shape.scalar());
      var iterator = tf.data.anonymousIterator(types, shapes);
      tf.data.makeIterator(dataset, iterator.handle());
      for (ByteString record : expected) {
        var next = tf.data.iteratorGetNext(iterator.handle(), types, shapes);
        TString read = (TString) next.components().get(0).asTensor();
        assertThat(ByteString.copyFrom(read.asBytes().getObject())).isEqualTo(record);
      }
    }
  }
}
