package org.llmadapters.conversion.combine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.peft.PeftAdapter;

/** LoRAs of a few numbers, written and read, and what they add to a weight by plain loops. */
final class TinyLora {
  static final String Q = "model.layers.0.self_attn.q_proj";
  static final String V = "model.layers.0.self_attn.v_proj";
  static final String UP = "model.layers.1.mlp.up_proj";

  private final LoraConfig config;
  private String base = "tiny";
  private final List<AdapterParameter> parameters = new ArrayList<>();
  private final Map<String, float[]> values = new LinkedHashMap<>();

  private TinyLora(LoraConfig config) {
    this.config = config;
  }

  /** A LoRA for {@code modules}, with normally distributed values. */
  static TinyLora random(long seed, LoraConfig config, String... modules) {
    TinyLora lora = new TinyLora(config);
    Random random = new Random(seed);
    for (String module : modules) {
      List<Long> shape = shape(module);
      long r = config.rankOf(module);
      lora.put(module + ".lora_A.weight", random, r, shape.get(1));
      lora.put(module + ".lora_B.weight", random, shape.get(0), r);
    }
    return lora;
  }

  /** [out, in] of the modules: all different. */
  private static List<Long> shape(String module) {
    return switch (module) {
      case Q, "model.layers.1.self_attn.q_proj" -> List.of(4L, 5L);
      case V -> List.of(3L, 5L);
      case UP -> List.of(7L, 6L);
      default -> throw new IllegalArgumentException(module);
    };
  }

  /** Plain LoRA without dropout. */
  static LoraConfig config(int r, double alpha, String... targets) {
    return new LoraConfig(r, alpha, 0, TargetModules.of(targets));
  }

  private void put(String name, Random random, long... shape) {
    float[] drawn = new float[(int) (shape[0] * (shape.length == 1 ? 1 : shape[1]))];
    for (int i = 0; i < drawn.length; i++) {
      drawn[i] = (float) random.nextGaussian();
    }
    with(name, drawn, shape);
  }

  /** Adds a parameter, or replaces it. */
  TinyLora with(String name, float[] value, long... shape) {
    without(name);
    List<Long> sizes = Arrays.stream(shape).boxed().toList();
    parameters.add(new AdapterParameter(name, sizes, new AdapterParameter.Initializer.Zeros()));
    values.put(name, value);
    return this;
  }

  /** Leaves a parameter out. */
  TinyLora without(String name) {
    parameters.removeIf(parameter -> parameter.name().equals(name));
    return this;
  }

  /** Says that it was trained on {@code model}. */
  TinyLora trainedOn(String model) {
    base = model;
    return this;
  }

  Path write(Path directory) throws IOException {
    PeftAdapter.write(
        directory, config, base, parameters, parameter -> values.get(parameter.name()));
    return directory;
  }

  /** What the adapter in {@code directory} adds to a weight: {@code scaling * B A}, [out, in]. */
  static double[] update(Path directory, String module) throws IOException {
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      List<Long> shape = shape(module);
      int out = shape.get(0).intValue();
      int in = shape.get(1).intValue();
      double[] update = new double[out * in];
      if (!adapter.tensors().containsKey(module + ".lora_A.weight")) {
        return update;
      }
      LoraConfig config = (LoraConfig) adapter.config();
      float[] a = adapter.tensor(module + ".lora_A.weight");
      float[] b = adapter.tensor(module + ".lora_B.weight");
      int r = b.length / out;
      for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++) {
          double sum = 0;
          for (int k = 0; k < r; k++) {
            sum += (double) b[o * r + k] * a[k * in + i];
          }
          update[o * in + i] = config.scalingOf(module) * sum;
        }
      }
      return update;
    }
  }

  /** One of its tensors. */
  static float[] tensor(Path directory, String name) throws IOException {
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      return adapter.tensor(name);
    }
  }

  /** Its configuration. */
  static LoraConfig configOf(Path directory) throws IOException {
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      return (LoraConfig) adapter.config();
    }
  }
}
