package org.llmadapters.conversion.combine;

import java.util.Arrays;
import java.util.List;

/** The two matrices of a LoRA at one module, row-major: A [r, in] and B [out, r]. */
final class Factors {
  private final float[] loraA;
  private final float[] loraB;
  private final int r;

  Factors(float[] loraA, float[] loraB, int r) {
    this.loraA = loraA;
    this.loraB = loraB;
    this.r = r;
  }

  float[] loraA() {
    return loraA;
  }

  float[] loraB() {
    return loraB;
  }

  int r() {
    return r;
  }

  int in() {
    return loraA.length / r;
  }

  int out() {
    return loraB.length / r;
  }

  /** {@code scaling * B A}, [out, in], computed in double and rounded once. */
  float[] product(double scaling) {
    int in = in();
    float[] product = new float[out() * in];
    double[] row = new double[in];
    for (int o = 0; o < out(); o++) {
      Arrays.fill(row, 0);
      for (int k = 0; k < r; k++) {
        double factor = scaling * loraB[o * r + k];
        for (int i = 0; i < in; i++) {
          row[i] += factor * loraA[k * in + i];
        }
      }
      for (int i = 0; i < in; i++) {
        product[o * in + i] = (float) row[i];
      }
    }
    return product;
  }

  /**
   * The factors of the weighted sum of all products: each A times its weight, one below the other,
   * and the B side by side.
   *
   * @param factors with the same in and out
   * @param weights one for each
   */
  static Factors stacked(List<Factors> factors, List<Double> weights) {
    int r = factors.stream().mapToInt(Factors::r).sum();
    int in = factors.get(0).in();
    int out = factors.get(0).out();
    float[] loraA = new float[r * in];
    float[] loraB = new float[out * r];
    int from = 0;
    for (int n = 0; n < factors.size(); n++) {
      Factors one = factors.get(n);
      double weight = weights.get(n);
      for (int i = 0; i < one.loraA.length; i++) {
        loraA[from * in + i] = (float) (weight * one.loraA[i]);
      }
      for (int o = 0; o < out; o++) {
        System.arraycopy(one.loraB, o * one.r, loraB, o * r + from, one.r);
      }
      from += one.r;
    }
    return new Factors(loraA, loraB, r);
  }
}
