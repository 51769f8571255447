package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class BucketsTest {

  @Test
  void growByHalvesUpToTheCutoff() {
    assertThat(Buckets.upTo(1024).lengths())
        .containsExactly(32, 64, 96, 128, 192, 256, 384, 512, 768, 1024);
  }

  @Test
  void endAtTheCutoffItself() {
    assertThat(Buckets.upTo(256).lengths()).containsExactly(32, 64, 96, 128, 192, 256);
    assertThat(Buckets.upTo(300).lengths()).containsExactly(32, 64, 96, 128, 192, 256, 300);
    assertThat(Buckets.upTo(20).lengths()).containsExactly(20);
  }

  @Test
  void endForTheLongestCutoffToo() {
    assertThat(Buckets.upTo(Integer.MAX_VALUE).lengths())
        .endsWith(1 << 30, (1 << 30) + (1 << 29), Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @CsvSource({"1, 32", "32, 32", "33, 64", "65, 96", "97, 128", "129, 192", "193, 256", "256, 256"})
  void giveTheSmallestLengthThatFits(int tokens, int length) {
    assertThat(Buckets.upTo(256).lengthFor(tokens)).isEqualTo(length);
  }

  @Test
  void rejectLengthsThatDoNotRise() {
    assertThatThrownBy(() -> new Buckets(List.of(32, 32)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bucket lengths must be rising numbers >= 1, got [32, 32]");
    assertThatThrownBy(() -> new Buckets(List.of(0, 32)))
        .hasMessage("bucket lengths must be rising numbers >= 1, got [0, 32]");
  }

  @Test
  void rejectNoLengths() {
    assertThatThrownBy(() -> new Buckets(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there must be a bucket length, got none");
  }
}
