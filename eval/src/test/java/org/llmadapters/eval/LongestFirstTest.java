package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

final class LongestFirstTest {
  private static final List<Integer> LENGTHS = List.of(3, 9, 4, 9, 1, 7, 4);

  @Test
  void batchesHaveSimilarLengthsAndEveryItemOnce() {
    Set<List<Integer>> batches = Collections.newSetFromMap(new ConcurrentHashMap<>());
    LongestFirst.run(LENGTHS, 3, 2, "scoring", batches::add);
    assertThat(batches).containsExactlyInAnyOrder(List.of(1, 3, 5), List.of(2, 6, 0), List.of(4));
  }

  @Test
  void nothingIsNoBatch() {
    LongestFirst.run(List.of(), 3, 2, "scoring", numbers -> assertThat(numbers).isNull());
  }

  @Test
  void passesOnWhatWritingSaysAndWrapsTheRest() {
    UncheckedIOException full = new UncheckedIOException(new IOException("no space left"));
    assertThatThrownBy(
            () ->
                LongestFirst.run(
                    LENGTHS,
                    3,
                    2,
                    "scoring",
                    numbers -> {
                      throw full;
                    }))
        .isSameAs(full);
    assertThatThrownBy(
            () ->
                LongestFirst.run(
                    LENGTHS,
                    3,
                    2,
                    "scoring",
                    numbers -> {
                      throw new IllegalArgumentException("bad");
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scoring failed: java.lang.IllegalArgumentException: bad");
  }

  @Test
  void anInterruptionEndsTheWaiting() {
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> LongestFirst.run(LENGTHS, 1, 2, "scoring", numbers -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("interrupted while scoring");
    assertThat(Thread.interrupted()).as("and is still known").isTrue();
  }
}
