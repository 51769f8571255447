package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class PrefetchedBatchesTest {

  /** Batch p has the id p, and fails at 7. */
  private static final class Numbered implements BatchSource {
    private final AtomicLong last = new AtomicLong(-1);
    private final AtomicBoolean closed = new AtomicBoolean();
    private final CountDownLatch ahead = new CountDownLatch(5);

    @Override
    public Batch at(long position) throws IOException {
      if (position == 7) {
        throw new IOException("the disk is gone");
      }
      last.set(position);
      ahead.countDown();
      int id = (int) position;
      return Batch.of(List.of(List.of(new Example(new int[] {id}, new int[] {id}))), 1, 1, 0);
    }

    @Override
    public double epochs(long position) {
      return position / 4.0;
    }

    @Override
    public void close() {
      closed.set(true);
    }
  }

  @Test
  void givesTheBatchesOfItsSource() throws IOException {
    try (PrefetchedBatches batches = new PrefetchedBatches(new Numbered(), 512)) {
      for (int position : new int[] {2, 3, 4, 0, 1, 6, 5, 6}) {
        assertThat(batches.at(position).inputIds()[0][0]).isEqualTo(position);
        assertThat(batches.epochs(position + 1)).isEqualTo((position + 1) / 4.0);
      }
    }
  }

  @Test
  void makesBatchesBeforeTheyAreAskedFor() throws Exception {
    Numbered source = new Numbered();
    try (PrefetchedBatches batches = new PrefetchedBatches(source, 100)) {
      batches.at(0);
      source.ahead.await();

      assertThat(source.last.get()).isGreaterThanOrEqualTo(4);
      assertThat(batches.waitedSeconds()).isPositive();
    }
  }

  @Test
  void failsWhereItsSourceFails() throws IOException {
    try (PrefetchedBatches batches = new PrefetchedBatches(new Numbered(), 512)) {
      assertThat(batches.at(6).inputIds()[0][0]).isEqualTo(6);
      assertThatThrownBy(() -> batches.at(7))
          .isInstanceOf(IOException.class)
          .hasMessage("the disk is gone");
    }
  }

  @Test
  void endsItsThreadAndItsSourceWhenClosed() throws IOException {
    Numbered source = new Numbered();
    PrefetchedBatches batches = new PrefetchedBatches(source, 1);
    batches.at(0);
    batches.close();

    assertThat(source.closed).isTrue();
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> thread.getName().equals("prefetch") && thread.isAlive());
  }
}
