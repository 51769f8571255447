package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.llmadapters.graph.Weight;

/**
 * A model that answers {@code 1}, {@code 2} or {@code 3} and ends if the prompt has the word {@code
 * one}, {@code two} or {@code three} in it, and says nothing but {@code <unk>} if not: each token
 * has a dimension of its own, its only layer adds the mean of all tokens to the last.
 */
final class NumberModel {
  private static final List<String> WORDS =
      List.of("<unk>", "<s>", "</s>", "one", "two", "three", "1", "2", "3");
  private static final int HIDDEN_SIZE = WordModel.HIDDEN_SIZE;
  private static final int END = 2;
  private static final int FIRST_WORD = 3;
  private static final int FIRST_DIGIT = 6;

  private NumberModel() {}

  /** Makes the base SavedModel in {@code directory}, with its tokenizer. */
  static Path write(Path directory) throws IOException {
    return WordModel.write(directory, WORDS, END, NumberModel::values);
  }

  private static float[] values(Weight weight) {
    float[] values = new float[Math.toIntExact(weight.elements())];
    String name = weight.name();
    if (name.endsWith("norm.weight")) {
      Arrays.fill(values, 1);
    } else if (name.contains("embed_tokens")
        || name.contains("v_proj")
        || name.contains("o_proj")) {
      for (int i = 0; i < weight.shape().get(0); i++) {
        values[i * HIDDEN_SIZE + i] = 1;
      }
    } else if (name.contains("lm_head")) {
      for (int i = 0; i < 3; i++) {
        values[(FIRST_DIGIT + i) * HIDDEN_SIZE + FIRST_WORD + i] = 1;
        values[END * HIDDEN_SIZE + FIRST_DIGIT + i] = 1000;
      }
    }
    return values;
  }
}
