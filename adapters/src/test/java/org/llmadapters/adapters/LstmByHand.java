package org.llmadapters.adapters;

import java.util.Map;
import java.util.Objects;

/** P-tuning's LSTM encoder and its two linear layers, written with loops in double. */
record LstmByHand(Map<String, float[]> values) {

  private double at(String name, int index) {
    String variable = "adapters.default.prompt_encoder." + name;
    return Objects.requireNonNull(values.get(variable), variable)[index];
  }

  /** [length * width], of {@code layers} layers with {@code hidden} units each way. */
  double[] encode(int length, int width, int hidden, int layers) {
    double[][] x = new double[length][width];
    for (int row = 0; row < length; row++) {
      for (int i = 0; i < width; i++) {
        x[row][i] = at("embedding.weight", row * width + i);
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      double[][] next = new double[length][2 * hidden];
      run(x, next, hidden, "_l" + layer, false);
      run(x, next, hidden, "_l" + layer + "_reverse", true);
      x = next;
    }
    double[] result = new double[length * width];
    for (int row = 0; row < length; row++) {
      double[] inner = linear("mlp_head.0", x[row], 2 * hidden);
      for (int i = 0; i < inner.length; i++) {
        inner[i] = Math.max(0, inner[i]);
      }
      System.arraycopy(linear("mlp_head.2", inner, width), 0, result, row * width, width);
    }
    return result;
  }

  private double[] linear(String name, double[] x, int out) {
    double[] y = new double[out];
    for (int i = 0; i < out; i++) {
      y[i] = at(name + ".bias", i);
      for (int j = 0; j < x.length; j++) {
        y[i] += at(name + ".weight", i * x.length + j) * x[j];
      }
    }
    return y;
  }

  private void run(double[][] x, double[][] y, int hidden, String suffix, boolean backwards) {
    double[] h = new double[hidden];
    double[] c = new double[hidden];
    for (int step = 0; step < x.length; step++) {
      int row = backwards ? x.length - 1 - step : step;
      double[] gates = new double[4 * hidden];
      for (int i = 0; i < gates.length; i++) {
        gates[i] = at("lstm_head.bias_ih" + suffix, i) + at("lstm_head.bias_hh" + suffix, i);
        for (int j = 0; j < x[row].length; j++) {
          gates[i] += at("lstm_head.weight_ih" + suffix, i * x[row].length + j) * x[row][j];
        }
        for (int j = 0; j < hidden; j++) {
          gates[i] += at("lstm_head.weight_hh" + suffix, i * hidden + j) * h[j];
        }
      }
      for (int i = 0; i < hidden; i++) {
        double input = sigmoid(gates[i]);
        double forget = sigmoid(gates[hidden + i]);
        double output = sigmoid(gates[3 * hidden + i]);
        c[i] = forget * c[i] + input * Math.tanh(gates[2 * hidden + i]);
        h[i] = output * Math.tanh(c[i]);
        y[row][(backwards ? hidden : 0) + i] = h[i];
      }
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
