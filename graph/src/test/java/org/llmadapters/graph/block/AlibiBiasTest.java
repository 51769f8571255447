package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;

final class AlibiBiasTest {

  /** The bias of the second token of {@code build_alibi_tensor}, which is the slope. */
  @ParameterizedTest
  @CsvFileSource(resources = "/golden/alibi_slopes.csv", numLinesToSkip = 1)
  void slopesAreThoseOfTransformers(int heads, String slopes) {
    String[] words = slopes.split(" ", -1);
    float[] expected = new float[words.length];
    for (int i = 0; i < words.length; i++) {
      expected[i] = Float.parseFloat(words[i]);
    }
    float[] actual = AlibiBias.slopes(heads);
    assertThat(actual).hasSize(heads).hasSameSizeAs(expected);
    for (int i = 0; i < heads; i++) {
      // transformers takes powers in float32 one after the other.
      assertThat(actual[i] / (double) expected[i])
          .as("head %d of %s", i, Arrays.toString(actual))
          .isBetween(1 - 1e-6, 1 + 1e-6);
    }
  }
}
