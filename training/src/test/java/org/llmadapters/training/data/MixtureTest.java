package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.llmadapters.training.data.Mixture.Part;

final class MixtureTest {

  @Test
  void hasAllOfFilesWithoutWeights() {
    Mixture mixture = mixture(List.of(3, 2), NaN, NaN);

    assertThat(mixture.parts()).containsExactly(new Part(3, 3), new Part(2, 2));
    assertThat(mixture.numbers(4, true, 42)).containsExactly(0, 1, 2, 3, 4);
  }

  /** 700 are the 70 % that 0.3 leaves of 1000. */
  @Test
  void drawsTheShareThatAWeightSays() {
    assertThat(mixture(List.of(700, 50), NaN, 0.3).parts())
        .containsExactly(new Part(700, 700), new Part(50, 300));
    assertThat(mixture(List.of(100, 50, 4000), 0.1, NaN, 0.4).parts())
        .containsExactly(new Part(100, 10), new Part(50, 50), new Part(4000, 40));
  }

  @Test
  void takesOnlyTheRatiosWhereAllFilesHaveWeights() {
    assertThat(mixture(List.of(600, 600), 3, 1).parts())
        .containsExactly(new Part(600, 900), new Part(600, 300));
    assertThat(mixture(List.of(600, 600), 0.75, 0.25)).isEqualTo(mixture(List.of(600, 600), 3, 1));
  }

  @Test
  void goesOnThroughAFileFromEpochToEpoch() {
    Mixture mixture = mixture(List.of(4, 5), NaN, 0.2);

    assertThat(mixture.parts().get(1)).isEqualTo(new Part(5, 1));
    List<Integer> drawn = new ArrayList<>();
    for (int epoch = 0; epoch < 10; epoch++) {
      int[] numbers = mixture.numbers(epoch, true, 42);
      assertThat(Arrays.copyOf(numbers, 4)).containsExactly(0, 1, 2, 3);
      drawn.add(numbers[4]);
    }
    List<Integer> all = IntStream.range(4, 9).boxed().toList();
    assertThat(drawn.subList(0, 5)).containsExactlyInAnyOrderElementsOf(all).isNotEqualTo(all);
    assertThat(drawn.subList(5, 10))
        .containsExactlyInAnyOrderElementsOf(all)
        .isNotEqualTo(drawn.subList(0, 5));
  }

  @Test
  void drawsInTheFilesOrderWithoutShuffling() {
    Mixture mixture = mixture(List.of(3, 7), NaN, 0.4);

    assertThat(mixture.numbers(0, false, 42)).containsExactly(0, 1, 2, 3, 4);
    assertThat(mixture.numbers(3, false, 42)).containsExactly(0, 1, 2, 9, 3);
  }

  /** A file of 3, drawn from 7 times an epoch. */
  @Test
  void drawsEachExampleEquallyOftenFromASmallFile() {
    Mixture mixture = mixture(List.of(3, 3), NaN, 0.7);
    int[] counts = new int[6];
    for (int epoch = 0; epoch < 3; epoch++) {
      Arrays.stream(mixture.numbers(epoch, true, 1)).forEach(number -> counts[number]++);
    }

    assertThat(counts).containsExactly(3, 3, 3, 7, 7, 7);
  }

  @Test
  void rejectsWeightsThatLeaveNothing() {
    assertThatThrownBy(() -> mixture(List.of(3, 2, 2), NaN, 0.6, 0.4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the weights of --data must be below 1 together, as there is a file without one,"
                + " got 1.0");
    assertThatThrownBy(() -> mixture(List.of(3, 0), NaN, 0.6))
        .hasMessage("file 2 of --data has a weight, but no examples are left in it");
  }

  private static final double NaN = Double.NaN;

  /** NaN is no weight. */
  private static Mixture mixture(List<Integer> sizes, double... weights) {
    return Mixture.of(
        sizes,
        Arrays.stream(weights)
            .mapToObj(w -> Double.isNaN(w) ? OptionalDouble.empty() : OptionalDouble.of(w))
            .toList());
  }
}
