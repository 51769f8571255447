package org.llmadapters.graph.spec;

import com.google.common.collect.ImmutableList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The non-linearity of an MLP or an adapter, with the names that Hugging Face's {@code ACT2FN} has
 * for it.
 */
public enum Activation {
  /** {@code x * sigmoid(x)}. */
  SILU("silu", "swish"),
  /** {@code max(x, 0)}. */
  RELU("relu"),
  /** {@code x * (1 + erf(x / sqrt(2))) / 2}. */
  GELU("gelu"),
  /** {@code x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2}. */
  GELU_TANH("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
  /** {@code x * sigmoid(1.702 x)}. */
  QUICK_GELU("quick_gelu"),
  /** {@code tanh(x)}. */
  TANH("tanh"),
  /** {@code 1 / (1 + exp(-x))}. */
  SIGMOID("sigmoid"),
  /** {@code min(max(x, 0), 6)}. */
  RELU6("relu6");

  private final ImmutableList<String> hfNames;

  Activation(String... hfNames) {
    this.hfNames = ImmutableList.copyOf(hfNames);
  }

  /** The name to write. */
  public String hfName() {
    return hfNames.get(0);
  }

  /** The activation that {@code ACT2FN} calls {@code name}, if it is one of these. */
  public static Optional<Activation> find(String name) {
    return Arrays.stream(values()).filter(value -> value.hfNames.contains(name)).findFirst();
  }

  /** All names that {@link #find} knows. */
  public static List<String> names() {
    return Arrays.stream(values()).flatMap(value -> value.hfNames.stream()).toList();
  }
}
