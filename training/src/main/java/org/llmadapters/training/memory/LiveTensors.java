package org.llmadapters.training.memory;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import org.llmadapters.training.memory.TensorGraph.Buffer;
import org.llmadapters.training.memory.TensorGraph.Step;

/**
 * The most bytes that are in use at a time while a graph is computed: a buffer is there from the
 * operation that writes it to the last one that reads it; results stay.
 */
final class LiveTensors {
  private final Map<Step, Integer> waits = new HashMap<>();
  private final Map<Step, List<Step>> behind = new HashMap<>();
  private final Map<Buffer, Integer> readers = new HashMap<>();
  private final List<Step> ready = new ArrayList<>();
  private long live;
  private long peak;

  private LiveTensors(TensorGraph graph) {
    for (Step step : graph.steps()) {
      waits.put(step, step.before.size());
      step.before.forEach(
          other -> behind.computeIfAbsent(other, key -> new ArrayList<>()).add(step));
      step.writes.forEach(buffer -> readers.put(buffer, buffer.readers));
      if (step.before.isEmpty()) {
        ready.add(step);
      }
    }
  }

  /**
   * The peak when operations run in the order in which they become ready: TensorFlow's executor.
   */
  static long whenReady(TensorGraph graph) {
    LiveTensors tensors = new LiveTensors(graph);
    Queue<Step> queue = new ArrayDeque<>(tensors.ready);
    while (!queue.isEmpty()) {
      queue.addAll(tensors.run(queue.remove()));
    }
    return tensors.peak;
  }

  /**
   * The peak when the operation runs next that frees most, or needs least: the list scheduler of
   * XLA.
   */
  static long freeingMost(TensorGraph graph) {
    LiveTensors tensors = new LiveTensors(graph);
    List<Step> ready = new ArrayList<>(tensors.ready);
    while (!ready.isEmpty()) {
      int best = 0;
      long least = Long.MAX_VALUE;
      for (int i = 0; i < ready.size(); i++) {
        long change = tensors.change(ready.get(i));
        if (change < least) {
          least = change;
          best = i;
        }
      }
      ready.addAll(tensors.run(ready.remove(best)));
    }
    return tensors.peak;
  }

  /** What is in use behind {@code step}, less what is in use before. */
  private long change(Step step) {
    long change = 0;
    for (Buffer buffer : step.writes) {
      change += buffer.readers > 0 || buffer.result ? buffer.bytes : 0;
    }
    for (Buffer buffer : step.reads) {
      change -= readers.getOrDefault(buffer, 0) == 1 && !buffer.result ? buffer.bytes : 0;
    }
    return change;
  }

  /** Computes {@code step}; gives those that become ready by that. */
  private List<Step> run(Step step) {
    long written = step.writes.stream().mapToLong(buffer -> buffer.bytes).sum();
    Iterator<Buffer> over =
        step.over.stream()
            .filter(buffer -> readers.getOrDefault(buffer, 0) == 1 && !buffer.result)
            .iterator();
    live += written;
    peak = Math.max(peak, live - (over.hasNext() ? over.next().bytes : 0));
    for (Buffer buffer : step.writes) {
      if (buffer.readers == 0 && !buffer.result) {
        live -= buffer.bytes;
      }
    }
    for (Buffer buffer : step.reads) {
      if (readers.merge(buffer, -1, Integer::sum) == 0 && !buffer.result) {
        live -= buffer.bytes;
      }
    }
    List<Step> next = new ArrayList<>();
    for (Step reader : behind.getOrDefault(step, List.of())) {
      if (waits.merge(reader, -1, Integer::sum) == 0) {
        next.add(reader);
      }
    }
    return next;
  }
}
