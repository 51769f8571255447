package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class TrainValidationSplitTest {

  private static final List<Example> ALL =
      IntStream.range(0, 20)
          .mapToObj(i -> new Example(new int[] {i, i}, new int[] {i, i}))
          .toList();

  @Test
  void putsEachExampleIntoOnePart() {
    TrainValidationSplit split = TrainValidationSplit.of(List.of(ALL), 7, 42);

    assertThat(split.validation()).hasSize(7);
    assertThat(Stream.concat(split.training().stream(), split.validation().stream()))
        .containsExactlyInAnyOrderElementsOf(ALL);
  }

  @Test
  void keepsTheFilesOrderInBothParts() {
    TrainValidationSplit split = TrainValidationSplit.of(List.of(ALL), 7, 42);

    assertThat(split.training())
        .isSubsetOf(ALL)
        .isSortedAccordingTo(TrainValidationSplitTest::byId);
    assertThat(split.validation()).isSortedAccordingTo(TrainValidationSplitTest::byId);
  }

  @Test
  void drawsByTheSeed() {
    TrainValidationSplit split = TrainValidationSplit.of(List.of(ALL), 7, 42);

    assertThat(TrainValidationSplit.of(List.of(ALL), 7, 42)).isEqualTo(split);
    assertThat(TrainValidationSplit.of(List.of(ALL), 7, 43)).isNotEqualTo(split);
  }

  /** Of 2000 draws of 7 of 20, each example is drawn 700 times, give or take 4 deviations. */
  @Test
  void drawsEachExampleEquallyOften() {
    int[] drawn = new int[20];
    for (long seed = 0; seed < 2000; seed++) {
      TrainValidationSplit.of(List.of(ALL), 7, seed)
          .validation()
          .forEach(example -> drawn[example.inputIds()[0]]++);
    }

    assertThat(IntStream.of(drawn)).allSatisfy(n -> assertThat(n).isBetween(615, 785));
  }

  @Test
  void drawsFromAllFilesAndSaysWhatIsLeftOfEach() {
    TrainValidationSplit split =
        TrainValidationSplit.of(List.of(ALL.subList(0, 4), ALL.subList(4, 20)), 7, 42);

    assertThat(split.training()).isEqualTo(TrainValidationSplit.of(List.of(ALL), 7, 42).training());
    long ofFirst = split.training().stream().filter(ALL.subList(0, 4)::contains).count();
    assertThat(split.sizes()).containsExactly((int) ofFirst, 13 - (int) ofFirst);
  }

  @Test
  void keepsAllForTrainingWhenNoneAreAskedFor() {
    assertThat(TrainValidationSplit.of(List.of(ALL), 0, 42))
        .isEqualTo(new TrainValidationSplit(ALL, List.of(20), List.of()));
  }

  @Test
  void leavesSomethingToTrainOn() {
    assertThat(TrainValidationSplit.of(List.of(ALL), 19, 42).training()).hasSize(1);
    assertThatThrownBy(() -> TrainValidationSplit.of(List.of(ALL), 20, 42))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "val_set_size must be between 0 and 19, one less than there are examples, got 20");
  }

  private static int byId(Example first, Example second) {
    return Integer.compare(first.inputIds()[0], second.inputIds()[0]);
  }
}
