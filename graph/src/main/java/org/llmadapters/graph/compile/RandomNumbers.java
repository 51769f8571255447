package org.llmadapters.graph.compile;

import java.util.List;
import java.util.stream.IntStream;

/**
 * The random numbers that tokens are drawn by. Each is a function of the seed, an item and a step
 * alone, so that the company in a batch never changes what is drawn for an item.
 *
 * @param seed equal seeds give equal numbers
 * @param items the number of each row's item
 */
public record RandomNumbers(long seed, List<Integer> items) {
  /** 2^64 divided by the golden ratio, the step between seeds of SplitMix64. */
  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  public RandomNumbers {
    items = List.copyOf(items);
  }

  /** Items 0 to {@code rows} - 1. */
  static RandomNumbers ofRows(int rows) {
    return new RandomNumbers(0, IntStream.range(0, rows).boxed().toList());
  }

  /**
   * The numbers of {@code steps} steps.
   *
   * @return [B][steps], in [0, 1), 24 bits each
   */
  float[][] uniforms(int steps) {
    float[][] uniforms = new float[items.size()][steps];
    for (int row = 0; row < uniforms.length; row++) {
      for (int step = 0; step < steps; step++) {
        uniforms[row][step] = uniform(items.get(row), step);
      }
    }
    return uniforms;
  }

  private float uniform(int item, int step) {
    long bits = mixed(mixed(mixed(seed) + item) + step);
    return (bits >>> 40) * 0x1p-24f;
  }

  /**
   * The output of SplitMix64 (Steele, Lea, Flood 2014, "Fast Splittable Pseudorandom Number
   * Generators") for a state: a permutation of 64 bits that changes half of them if one changes.
   */
  private static long mixed(long state) {
    long z = state + GAMMA;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
