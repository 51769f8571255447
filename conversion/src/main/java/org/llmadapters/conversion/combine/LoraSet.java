package org.llmadapters.conversion.combine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.DirectoryKind;
import org.llmadapters.conversion.combine.CombinationType.Operands;
import org.llmadapters.conversion.combine.CombinationType.Pruning;
import org.llmadapters.conversion.combine.OpenLora.Size;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.FormatException;

/** The adapters to combine, opened and checked to fit each other. */
final class LoraSet implements AutoCloseable {
  private static final int MAX_RANK = 1 << 16;
  private static final long MAX_ELEMENTS = 1 << 30;

  private final List<PeftAdapter> files = new ArrayList<>();
  private final List<OpenLora> loras = new ArrayList<>();
  private final SortedMap<String, Size> modules = new TreeMap<>();

  private LoraSet() {}

  /**
   * Opens {@code adapters}; caller closes.
   *
   * @throws FormatException that lists all that keeps them from being combined
   */
  static LoraSet open(List<WeightedAdapter> adapters, CombinationConfig config) throws IOException {
    LoraSet set = new LoraSet();
    try {
      set.readAll(adapters, config);
      return set;
    } catch (IOException | FormatException e) {
      set.close();
      throw e;
    }
  }

  private void readAll(List<WeightedAdapter> adapters, CombinationConfig config)
      throws IOException {
    Problems problems = new Problems();
    for (WeightedAdapter adapter : adapters) {
      DirectoryKind.ADAPTER.require(adapter.directory());
      PeftAdapter read = PeftAdapter.read(adapter.directory());
      files.add(read);
      if (!(read.config() instanceof LoraConfig lora)) {
        problems.add(
            "%s: is an adapter of the kind %s; only LoRAs can be combined",
            adapter.directory(), read.config().kind().cliName());
      } else if (lora.useDora()) {
        problems.add(
            "%s: is a DoRA (use_dora), whose magnitudes cannot be added; only plain LoRAs can be"
                + " combined",
            adapter.directory());
      } else if (lora.variant().bias() != TrainedBias.NONE) {
        problems.add(
            "%s: trains the model's biases (bias %s), which cannot be added; only plain LoRAs can be"
                + " combined",
            adapter.directory(), lora.variant().bias().fileName(lora.kind()));
      } else if (!lora.variant().modulesToSave().isEmpty()) {
        problems.add(
            "%s: trains whole modules (modules_to_save %s), which cannot be added; only plain LoRAs"
                + " can be combined",
            adapter.directory(), lora.variant().modulesToSave());
      } else {
        loras.add(OpenLora.of(adapter, read, lora, problems));
      }
    }
    for (OpenLora lora : loras) {
      lora.sizes().forEach((module, size) -> compare(lora, module, size, config.type(), problems));
    }
    int svdRank = config.svdRank().orElse(largestRank());
    loras.stream()
        .flatMap(lora -> lora.sizes().keySet().stream())
        .distinct()
        .forEach(module -> modules.put(module, combined(module, config.type(), svdRank)));
    modules.forEach((module, size) -> requireFeasible(module, size, config.type(), problems));
    List<String> others =
        adapters.stream().skip(1).map(adapter -> adapter.directory().toString()).toList();
    problems.throwIfAny(
        adapters.get(0).directory(),
        "cannot be combined "
            + (others.isEmpty() ? "" : "with " + String.join(", ", others) + " ")
            + "by "
            + config.type().peftName()
            + ": "
            + problems.counted("problem"),
        "");
  }

  private int largestRank() {
    return (int)
        loras.stream()
            .flatMap(lora -> lora.sizes().values().stream())
            .mapToLong(Size::r)
            .max()
            .orElse(1);
  }

  /** Compares with the first adapter that has the module, too. */
  private void compare(
      OpenLora lora, String module, Size size, CombinationType type, Problems problems) {
    OpenLora first = having(module).get(0);
    Size expected = sizeOf(first, module);
    if (size.in() != expected.in() || size.out() != expected.out()) {
      problems.add(
          "%s: %s is a layer of [out, in] = [%d, %d], but [%d, %d] in %s",
          lora.directory(),
          module,
          size.out(),
          size.in(),
          expected.out(),
          expected.in(),
          first.directory());
    } else if (type.operands() == Operands.FACTORS && size.r() != expected.r()) {
      problems.add(
          "%s: %s has rank %d, but %d in %s; unequal ranks need cat or one of the svd types",
          lora.directory(), module, size.r(), expected.r(), first.directory());
    }
  }

  private Size combined(String module, CombinationType type, int svdRank) {
    List<OpenLora> having = having(module);
    Size first = sizeOf(having.get(0), module);
    long r =
        switch (type.operands()) {
          case FACTORS -> first.r();
          case STACKED -> stackedRank(module);
          case UPDATES -> svdRank;
        };
    return new Size(r, first.in(), first.out());
  }

  private long stackedRank(String module) {
    return having(module).stream().mapToLong(lora -> sizeOf(lora, module).r()).sum();
  }

  /** All matrices that will be made must fit into arrays. */
  private void requireFeasible(String module, Size size, CombinationType type, Problems problems) {
    if (size.r() > MAX_RANK) {
      problems.add("%s: the ranks add up to %d, more than %d", module, size.r(), MAX_RANK);
    }
    boolean whole = type.operands() == Operands.UPDATES && type.pruning() != Pruning.NONE;
    long inner = Math.max(size.r(), whole ? 0 : stackedRank(module));
    long rows = Math.max(inner, whole ? size.out() : 0);
    if (Math.max(rows * size.in(), size.out() * inner) > MAX_ELEMENTS) {
      problems.add(
          "%s: a layer of [out, in] = [%d, %d] is too large for %s at rank %d",
          module, size.out(), size.in(), type.peftName(), size.r());
    }
  }

  private static Size sizeOf(OpenLora lora, String module) {
    return Optional.ofNullable(lora.sizes().get(module)).orElseThrow();
  }

  /** The adapters that have {@code module}, in the order given. */
  List<OpenLora> having(String module) {
    return loras.stream().filter(lora -> lora.sizes().containsKey(module)).toList();
  }

  /** The adapters in the order given. */
  List<OpenLora> loras() {
    return loras;
  }

  /** All modules that some adapter has, with the size of the combined one. */
  SortedMap<String, Size> modules() {
    return modules;
  }

  /** The rank of the combined adapter at one of {@link #modules}. */
  int rankOf(String module) {
    return (int) Optional.ofNullable(modules.get(module)).orElseThrow().r();
  }

  /** {@code base_model_name_or_path} of each adapter that has one. */
  List<String> baseModels() {
    return files.stream().flatMap(file -> file.baseModelNameOrPath().stream()).toList();
  }

  @Override
  public void close() throws IOException {
    for (PeftAdapter file : files) {
      file.close();
    }
  }
}
