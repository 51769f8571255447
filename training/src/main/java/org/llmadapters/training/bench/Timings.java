package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Durations of repeated work in milliseconds. */
final class Timings {
  private final List<Double> milliseconds = new ArrayList<>();

  /** What is measured. */
  @FunctionalInterface
  interface Work {
    /** Does it once. */
    void run() throws IOException;
  }

  /** Measures {@code work} once, in milliseconds, and keeps the time. */
  double measure(Work work) throws IOException {
    double time = time(work);
    milliseconds.add(time);
    return time;
  }

  /** Measures {@code work} once, in milliseconds. */
  static double time(Work work) throws IOException {
    long start = System.nanoTime();
    work.run();
    return (System.nanoTime() - start) / 1e6;
  }

  double median() {
    List<Double> sorted = new ArrayList<>(milliseconds);
    Collections.sort(sorted);
    return sorted.get(sorted.size() / 2);
  }

  double min() {
    return Collections.min(milliseconds);
  }

  /** Adds {@code <name>_ms_median} and {@code <name>_ms_min}. */
  void addTo(ObjectNode json, String name) {
    json.put(name + "_ms_median", rounded(median()));
    json.put(name + "_ms_min", rounded(min()));
  }

  static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }
}
