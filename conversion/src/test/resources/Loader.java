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

/**
 * Runs an exported model with nothing but TensorFlow's jars: Loader DIRECTORY SIGNATURE ROWS IDS
 * MASK [MAX_NEW_TOKENS], where IDS and MASK are numbers with commas between them. Prints the
 * elements of the output, one a line.
 */
public final class Loader {
  public static void main(String[] args) {
    try {
      Class.forName("org.llmadapters.graph.Weight");
      throw new AssertionError("the class path holds more than TensorFlow");
    } catch (ClassNotFoundException expected) {
      // as it should be
    }
    int rows = Integer.parseInt(args[2]);
    try (SavedModelBundle model = SavedModelBundle.load(args[0], "serve");
        TInt32 ids = matrix(rows, args[3]);
        TInt32 mask = matrix(rows, args[4])) {
      Map<String, Tensor> inputs = new HashMap<>();
      inputs.put("input_ids", ids);
      inputs.put("attention_mask", mask);
      if (args.length > 5) {
        inputs.put("max_new_tokens", TInt32.scalarOf(Integer.parseInt(args[5])));
      }
      SessionFunction function = model.function(args[1]);
      try (Result result = function.call(inputs)) {
        if (args.length > 5) {
          TInt32 output = (TInt32) result.get("output_ids").orElseThrow();
          output.scalars().forEach(value -> System.out.println(value.getInt()));
        } else {
          TFloat32 output = (TFloat32) result.get("logits").orElseThrow();
          output.scalars().forEach(value -> System.out.println(value.getFloat()));
        }
      }
    }
  }

  private static TInt32 matrix(int rows, String text) {
    String[] numbers = text.split(",");
    int[] values = new int[numbers.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = Integer.parseInt(numbers[i]);
    }
    return TInt32.tensorOf(
        Shape.of(rows, values.length / rows), DataBuffers.of(values, true, false));
  }
}
