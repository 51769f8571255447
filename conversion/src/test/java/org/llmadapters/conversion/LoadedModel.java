package org.llmadapters.conversion;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.SessionFunction;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/** A SavedModel in TensorFlow's own loader: what TensorFlow Serving uses. */
public final class LoadedModel implements AutoCloseable {
  private final SavedModelBundle bundle;

  /** Loads {@code directory}; caller closes. */
  public LoadedModel(Path directory) {
    this.bundle = SavedModelBundle.load(directory.toString(), "serve");
  }

  /** TensorFlow's view of it. */
  public SavedModelBundle bundle() {
    return bundle;
  }

  /** Logits of {@code serving_default}, row-major: float32 [B, T, V]. */
  public float[] logits(int rows, long[] inputIds, long[] attentionMask) {
    try (TInt32 ids = matrix(rows, inputIds);
        TInt32 mask = matrix(rows, attentionMask);
        Result result =
            bundle
                .function("serving_default")
                .call(Map.of("input_ids", ids, "attention_mask", mask))) {
      TFloat32 logits = (TFloat32) result.get("logits").orElseThrow();
      float[] values = new float[Math.toIntExact(logits.size())];
      logits.copyTo(DataBuffers.of(values, false, false));
      return values;
    }
  }

  /** {@code output_ids} of {@code generate}, row-major: int32 [B, T + maxNewTokens]. */
  public int[] generate(int rows, long[] inputIds, long[] attentionMask, int maxNewTokens) {
    SessionFunction function = bundle.function("generate");
    try (TInt32 ids = matrix(rows, inputIds);
        TInt32 mask = matrix(rows, attentionMask);
        TInt32 limit = TInt32.scalarOf(maxNewTokens)) {
      Map<String, Tensor> arguments = new HashMap<>();
      arguments.put("input_ids", ids);
      arguments.put("attention_mask", mask);
      arguments.put("max_new_tokens", limit);
      try (Result result = function.call(arguments)) {
        TInt32 output = (TInt32) result.get("output_ids").orElseThrow();
        int[] values = new int[Math.toIntExact(output.size())];
        output.copyTo(DataBuffers.of(values, false, false));
        return values;
      }
    }
  }

  private static TInt32 matrix(int rows, long[] values) {
    int[] ids = new int[values.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Math.toIntExact(values[i]);
    }
    return TInt32.tensorOf(Shape.of(rows, ids.length / rows), DataBuffers.of(ids, true, false));
  }

  @Override
  public void close() {
    bundle.close();
  }
}
