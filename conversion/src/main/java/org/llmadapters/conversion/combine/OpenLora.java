package org.llmadapters.conversion.combine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/** One of the adapters to combine, whose files are open and belong to another. */
final class OpenLora {
  static final String LORA_A = ".lora_A.weight";
  static final String LORA_B = ".lora_B.weight";

  private final WeightedAdapter adapter;
  private final PeftAdapter files;
  private final LoraConfig config;
  private final Map<String, Size> sizes = new TreeMap<>();

  /**
   * The adapter at a module: A [r, in] and B [out, r].
   *
   * @param r rank
   * @param in length of the layer's input
   * @param out length of the layer's output
   */
  record Size(long r, long in, long out) {}

  private OpenLora(WeightedAdapter adapter, PeftAdapter files, LoraConfig config) {
    this.adapter = adapter;
    this.files = files;
    this.config = config;
  }

  /** Finds the modules of {@code files}; what cannot be one is added to {@code problems}. */
  static OpenLora of(
      WeightedAdapter adapter, PeftAdapter files, LoraConfig config, Problems problems) {
    OpenLora lora = new OpenLora(adapter, files, config);
    TreeSet<String> modules = new TreeSet<>();
    for (String name : files.tensors().keySet()) {
      if (name.endsWith(LORA_A) || name.endsWith(LORA_B)) {
        modules.add(name.substring(0, name.length() - LORA_A.length()));
      } else {
        problems.add(
            "%s: %s: expected a name that ends in %s or %s",
            adapter.directory(), name, LORA_A, LORA_B);
      }
    }
    if (files.tensors().isEmpty()) {
      problems.add("%s: has no tensors", adapter.directory());
    }
    modules.forEach(module -> lora.add(module, problems));
    return lora;
  }

  private void add(String module, Problems problems) {
    TensorInfo a = files.tensors().get(module + LORA_A);
    TensorInfo b = files.tensors().get(module + LORA_B);
    String where = adapter.directory() + ": " + module;
    if (a == null || b == null) {
      problems.add("%s%s: missing", where, a == null ? LORA_A : LORA_B);
      return;
    }
    long r = config.rankOf(module);
    if (!config.targetModules().matches(module)) {
      problems.add("%s: is not among target_modules", where);
    } else if (a.shape().size() != 2
        || b.shape().size() != 2
        || a.shape().get(0) != r
        || b.shape().get(1) != r
        || a.elements() == 0
        || b.elements() == 0) {
      problems.add(
          "%s: lora_A %s and lora_B %s, expected [%d, in] and [out, %d]",
          where, a.shape(), b.shape(), r, r);
    } else {
      sizes.put(module, new Size(r, a.shape().get(1), b.shape().get(0)));
    }
  }

  Path directory() {
    return adapter.directory();
  }

  /** Of its update, beside the scaling of the module. */
  double weight() {
    return adapter.weight();
  }

  LoraConfig config() {
    return config;
  }

  /** Its modules, with their sizes. */
  Map<String, Size> sizes() {
    return sizes;
  }

  /**
   * Reads A and B at one of its modules.
   *
   * @throws FormatException if they have a value that is no number
   * @throws IOException if reading fails
   */
  Factors factors(String module) throws IOException {
    return new Factors(finite(module + LORA_A), finite(module + LORA_B), config.rankOf(module));
  }

  private float[] finite(String name) throws IOException {
    float[] values = files.tensor(name);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new FormatException(directory(), "%s: has the value %s", name, value);
      }
    }
    return values;
  }
}
