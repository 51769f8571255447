package org.llmadapters.conversion.export;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.llmadapters.graph.config.ModelConfig;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorProto;
import org.tensorflow.proto.TensorShapeProto;

/**
 * The requests that TensorFlow Serving sends to a model before it answers the first one of a
 * client, so that nobody waits for what happens once only. They lie in {@code
 * assets.extra/tf_serving_warmup_requests}, a {@link TfRecordFile} of {@code PredictionLog}s. The
 * messages are not among TensorFlow Java's, so they are written field by field:
 *
 * <pre>
 *   PredictionLog  {PredictLog predict_log = 6}
 *   PredictLog     {PredictRequest request = 1}
 *   PredictRequest {ModelSpec model_spec = 1; map&lt;string, TensorProto&gt; inputs = 2}
 *   ModelSpec      {string name = 1; string signature_name = 3}
 *   an entry of a map: {key = 1; value = 2}
 * </pre>
 *
 * <p>Source: github.com/tensorflow/serving 2.18.0, {@code apis/{prediction_log, predict,
 * model}.proto} and {@code servables/tensorflow/saved_model_warmup_util.cc}.
 */
final class WarmUp {
  static final String FILE = "tf_serving_warmup_requests";

  /** Tokens in the row of a request. */
  private static final int TOKENS = 8;

  /** Enough to run the loop's body. */
  private static final int NEW_TOKENS = 2;

  private WarmUp() {}

  /** Writes one request for every signature. */
  static void write(
      Path file, String modelName, Map<String, SignatureDef> signatures, ModelConfig config)
      throws IOException {
    List<ByteString> records = new ArrayList<>();
    for (Map.Entry<String, SignatureDef> signature : new TreeMap<>(signatures).entrySet()) {
      records.add(
          predictionLog(modelName, signature.getKey(), inputs(signature.getValue(), config)));
    }
    TfRecordFile.write(file, records);
  }

  private static Map<String, TensorProto> inputs(SignatureDef signature, ModelConfig config) {
    int tokens = Math.min(TOKENS, Math.max(1, config.sizes().maxPositionEmbeddings() - NEW_TOKENS));
    Map<String, TensorProto> inputs = new TreeMap<>();
    for (Map.Entry<String, TensorInfo> input : signature.getInputsMap().entrySet()) {
      int value =
          switch (input.getKey()) {
            case "input_ids" -> config.tokenIds().bos().orElse(0);
            case "attention_mask" -> 1;
            case "max_new_tokens" -> NEW_TOKENS;
            default ->
                throw new IllegalStateException("nothing to warm " + input.getKey() + " up with");
          };
      inputs.put(input.getKey(), filled(input.getValue(), tokens, value));
    }
    return inputs;
  }

  /** One row of {@code tokens} times {@code value}, or the value alone where a scalar is asked. */
  private static TensorProto filled(TensorInfo info, int tokens, int value) {
    if (info.getDtype() != DataType.DT_INT32) {
      throw new IllegalStateException(info.getName() + " is not int32 but " + info.getDtype());
    }
    TensorProto.Builder tensor = TensorProto.newBuilder().setDtype(DataType.DT_INT32);
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    int elements = 1;
    for (int axis = 0; axis < info.getTensorShape().getDimCount(); axis++) {
      int size = axis == 0 ? 1 : tokens;
      shape.addDimBuilder().setSize(size);
      elements *= size;
    }
    for (int i = 0; i < elements; i++) {
      tensor.addIntVal(value);
    }
    return tensor.setTensorShape(shape).build();
  }

  private static ByteString predictionLog(
      String modelName, String signatureName, Map<String, TensorProto> inputs) throws IOException {
    ByteString modelSpec =
        message(
            out -> {
              out.writeString(1, modelName);
              out.writeString(3, signatureName);
            });
    List<ByteString> entries = new ArrayList<>();
    for (Map.Entry<String, TensorProto> input : inputs.entrySet()) {
      entries.add(
          message(
              out -> {
                out.writeString(1, input.getKey());
                out.writeMessage(2, input.getValue());
              }));
    }
    ByteString predictRequest =
        message(
            out -> {
              out.writeBytes(1, modelSpec);
              for (ByteString entry : entries) {
                out.writeBytes(2, entry);
              }
            });
    ByteString predictLog = message(out -> out.writeBytes(1, predictRequest));
    return message(out -> out.writeBytes(6, predictLog));
  }

  private interface Fields {
    void writeTo(CodedOutputStream out) throws IOException;
  }

  private static ByteString message(Fields fields) throws IOException {
    ByteString.Output bytes = ByteString.newOutput();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    fields.writeTo(out);
    out.flush();
    return bytes.toByteString();
  }
}
