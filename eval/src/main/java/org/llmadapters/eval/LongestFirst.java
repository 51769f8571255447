package org.llmadapters.eval;

import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Runs items of different lengths in batches of similar ones, the longest first, on several
 * threads.
 */
final class LongestFirst {
  private LongestFirst() {}

  /**
   * Runs all items.
   *
   * @param lengths of the items 0, 1, ...; equally long ones keep their order
   * @param batchSize items of a batch; the last may have fewer
   * @param atOnce batches that run side by side: as many as the session has replicas
   * @param work for messages: {@code scoring}
   * @param batch takes the numbers of the items of a batch; called by several threads
   * @throws UncheckedIOException if a batch throws one
   * @throws IllegalStateException if a batch fails otherwise, or the thread is interrupted
   */
  static void run(
      List<Integer> lengths,
      int batchSize,
      int atOnce,
      String work,
      Consumer<List<Integer>> batch) {
    List<Integer> byLength =
        IntStream.range(0, lengths.size())
            .boxed()
            .sorted(Comparator.comparing(i -> -lengths.get(i)))
            .toList();
    ExecutorService threads = Executors.newFixedThreadPool(atOnce);
    try {
      List<Future<?>> batches = new ArrayList<>();
      for (int from = 0; from < byLength.size(); from += batchSize) {
        List<Integer> numbers = byLength.subList(from, Math.min(from + batchSize, byLength.size()));
        batches.add(threads.submit(() -> batch.accept(numbers)));
      }
      for (Future<?> running : batches) {
        running.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while " + work, e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UncheckedIOException failed) {
        throw failed; // the listener's
      }
      throw new IllegalStateException(work + " failed: " + e.getCause(), e);
    } finally {
      threads.shutdownNow();
    }
  }
}
