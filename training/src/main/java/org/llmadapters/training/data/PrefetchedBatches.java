package org.llmadapters.training.data;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Makes the next micro batches of another source in a thread of its own, while the last one is
 * trained on. For use by one thread.
 */
public final class PrefetchedBatches implements BatchSource {

  /** About as many examples are made at once where they are read from a file. */
  private static final int EXAMPLES_AHEAD = 512;

  private final BatchSource source;
  private final BlockingQueue<Prefetched> queue;
  private @Nullable Thread worker;
  private long expected;
  private double epochs;
  private long waitedNanos;

  /** A micro batch, or why there is none. */
  private record Prefetched(
      @Nullable Batch batch,
      double epochs,
      @Nullable IOException failed,
      @Nullable RuntimeException malformed) {}

  /**
   * @param source not used by others from now on; closed with this
   * @param microBatchSize examples of a micro batch
   */
  public PrefetchedBatches(BatchSource source, int microBatchSize) {
    this.source = source;
    this.queue = new ArrayBlockingQueue<>(2 + EXAMPLES_AHEAD / microBatchSize);
  }

  @Override
  public Batch at(long position) throws IOException {
    if (worker == null || position != expected) {
      restart(position);
    }
    long start = System.nanoTime();
    Prefetched next;
    try {
      next = queue.take();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a batch");
    }
    waitedNanos += System.nanoTime() - start;
    if (next.failed() != null) {
      throw next.failed();
    }
    if (next.malformed() != null) {
      throw next.malformed();
    }
    expected = position + 1;
    epochs = next.epochs();
    return Objects.requireNonNull(next.batch());
  }

  private void restart(long position) throws IOException {
    stop();
    Thread thread = new Thread(() -> work(position), "prefetch");
    thread.setDaemon(true);
    worker = thread;
    thread.start();
  }

  private void work(long start) {
    try {
      for (long position = start; !Thread.currentThread().isInterrupted(); position++) {
        Prefetched next = next(position);
        queue.put(next);
        if (next.batch() == null) {
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // asked to end
    }
  }

  private Prefetched next(long position) {
    try {
      Batch batch = source.at(position);
      return new Prefetched(batch, source.epochs(position + 1), null, null);
    } catch (IOException e) {
      return new Prefetched(null, 0, e, null);
    } catch (RuntimeException e) { // for the thread that asks
      return new Prefetched(null, 0, null, e);
    }
  }

  private void stop() throws IOException {
    Thread thread = worker;
    if (thread == null) {
      return;
    }
    worker = null;
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the prefetching to end");
    }
    queue.clear();
  }

  @Override
  public double epochs(long position) {
    return epochs;
  }

  /** How long {@link #at} had to wait for micro batches that were not ready yet, in seconds. */
  public double waitedSeconds() {
    return waitedNanos / 1e9;
  }

  @Override
  public void close() throws IOException {
    stop();
    source.close();
  }
}
