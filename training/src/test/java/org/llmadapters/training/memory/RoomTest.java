package org.llmadapters.training.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.quantize.Quantization;

/** What is found to fit, by an estimate that is easy to see through. */
final class RoomTest {
  private static final Room.Choice ASKED = new Room.Choice(false, 8, Optional.empty());

  /** 100 for weights, 40 in int8, 25 in nf4; 10 a row, 2 if blocks are computed again. */
  private static MemoryEstimate estimate(Room.Choice choice) {
    long weights =
        choice.quantization().map(to -> to == Quantization.INT8 ? 40L : 25L).orElse(100L);
    long row = choice.gradientCheckpointing() ? 2 : 10;
    return new MemoryEstimate(weights, 0, 0, 0, row * choice.microBatchSize());
  }

  private static List<String> fitting(Room.Choice asked, long limit, boolean quantizable) {
    return new Room(asked, RoomTest::estimate)
        .fitting(limit, quantizable).stream()
            .map(way -> way.changes() + " " + way.estimate().total())
            .toList();
  }

  @Test
  void singleChangesThatAreEnoughAreListedWithTheLargestMicroBatch() {
    assertThat(fitting(ASKED, 130, true))
        .containsExactly(
            "--gradient-checkpointing 116",
            "--micro-batch-size 2 120",
            "a base converted with --dtype int8 120",
            "a base converted with --dtype nf4 105");
  }

  @Test
  void severalChangesAreTriedIfNoneIsEnoughAlone() {
    assertThat(fitting(ASKED, 60, true))
        .containsExactly(
            "--gradient-checkpointing and a base converted with --dtype int8 56",
            "--gradient-checkpointing and a base converted with --dtype nf4 41",
            "--gradient-checkpointing and --micro-batch-size 1 and a base converted with --dtype int8 42",
            "--gradient-checkpointing and --micro-batch-size 1 and a base converted with --dtype nf4 27");
    assertThat(fitting(ASKED, 105, false))
        .containsExactly("--gradient-checkpointing and --micro-batch-size 2 104");
  }

  @Test
  void whatIsDoneAlreadyIsNoAdvice() {
    Room.Choice asked = new Room.Choice(true, 1, Optional.of(Quantization.NF4));
    assertThat(fitting(asked, 20, true)).isEmpty();
    assertThat(Room.advice(List.of())).contains("--cutoff-len");
  }

  @Test
  void adviceNamesTheChangeAndItsMemory() {
    MemoryEstimate estimate = new MemoryEstimate(3L << 30, 0, 0, 0, 1L << 29);
    assertThat(Room.advice(List.of(new Room.Alternative("--gradient-checkpointing", estimate))))
        .isEqualTo("these would fit:\n  --gradient-checkpointing: 3.50 GiB");
  }
}
