package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

final class MergeCheckTest {
  private static final Path OUTPUT = Path.of("merged");
  private static final float[][][] UNMERGED = {{{-8, 1}, {2, 4}}};

  /** The largest logit is 8. */
  @ParameterizedTest
  @CsvSource({"FLOAT32, 4.007, 9e-4", "FLOAT16, 4.15, 0.019", "BFLOAT16, 3.25, 0.094"})
  void tellsTheLargestDifferenceWhereRoundingExplainsIt(
      WeightDtype dtype, float last, double difference) {
    float[][][] merged = {{{-8, 1}, {2, last}}};
    assertThat(MergeCheck.compare(OUTPUT, merged, UNMERGED, dtype))
        .isBetween(0.9 * difference, 1.1 * difference);
  }

  @Test
  void refusesWhatRoundingDoesNotExplain() {
    float[][][] merged = {{{-8, 1}, {2.5f, 4}}};
    assertThatThrownBy(() -> MergeCheck.compare(OUTPUT, merged, UNMERGED, WeightDtype.FLOAT16))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            "merged: not written: the merged model's logits differ from those with the adapter"
                + " beside it by 6.3e-02 of the largest, expected at most 2e-02 in float16; use the"
                + " adapter without merging it, or merge in float32, or see for yourself with"
                + " --no-check");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void refusesWhatIsNoNumber(float value) {
    float[][][] merged = {{{-8, 1}, {value, 4}}};
    for (WeightDtype dtype : WeightDtype.FLOATING) {
      assertThatThrownBy(() -> MergeCheck.compare(OUTPUT, merged, UNMERGED, dtype))
          .isInstanceOf(FormatException.class)
          .hasMessageStartingWith("merged: not written: the merged model's logits differ");
    }
  }
}
