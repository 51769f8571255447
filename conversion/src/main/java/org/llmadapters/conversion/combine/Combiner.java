package org.llmadapters.conversion.combine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.conversion.combine.CombinationType.Pruning;
import org.llmadapters.conversion.combine.OpenLora.Size;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.graph.FormatException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Combines LoRAs with weights to one LoRA, as PEFT's {@code add_weighted_adapter} does. With the
 * weight w_i and the scaling s_i of an adapter at a module
 *
 * <pre>
 *   linear, ties, dare_linear, dare_ties, magnitude_prune
 *                  A = merge(A_i; sign(w_i) sqrt(|w_i s_i|)),  B = merge(B_i; sqrt(|w_i s_i|))
 *   cat            A = [w_1 s_1 A_1; w_2 s_2 A_2; ...],  B = [B_1, B_2, ...]
 *   svd, ties_svd, dare_linear_svd, dare_ties_svd, magnitude_prune_svd
 *                  B A = svd(merge(s_i B_i A_i; w_i))
 * </pre>
 *
 * where {@code merge} is {@link TaskArithmetic} and the scaling of the new adapter is 1. An adapter
 * without the module is left out. Modules are read, combined and written one after the other.
 *
 * <p>Source: github.com/huggingface/peft, {@code src/peft/tuners/lora/model.py}, with the signs of
 * negative weights as since its pull request 2918 and {@code use_rslora} off as since 3449, and
 * with three differences: the svd types scale an update once where PEFT, which multiplies with s_i
 * twice, agrees only at s_i = 1; a single adapter is combined by the type asked for and not always
 * by linear; and a module has the rank it needs, instead of the same one everywhere.
 */
public final class Combiner {
  private static final Logger LOG = LoggerFactory.getLogger(Combiner.class);

  private final LoraSet loras;
  private final CombinationConfig config;
  private final Progress progress;
  private @Nullable Combined latest;

  private Combiner(LoraSet loras, CombinationConfig config, Progress progress) {
    this.loras = loras;
    this.config = config;
    this.progress = progress;
  }

  /** The factors of the combined adapter at a module. */
  private record Combined(String module, Factors factors) {}

  /**
   * What was combined.
   *
   * @param modules number of adapted modules
   * @param ranks of them
   */
  public record Report(int modules, SortedSet<Long> ranks) {}

  /**
   * Writes the combination of {@code adapters} to {@code output}, which appears only when it is
   * whole.
   *
   * @param adapters at least one
   * @param overwrite whether a non-empty {@code output} is replaced
   * @throws FormatException if they are no LoRAs, or do not fit each other; all problems at once
   * @throws IllegalArgumentException if there are none, or {@code output} is not empty and not to
   *     be overwritten
   * @throws IOException if reading or writing fails
   */
  public static Report combine(
      List<WeightedAdapter> adapters, CombinationConfig config, Path output, boolean overwrite)
      throws IOException {
    if (adapters.isEmpty()) {
      throw new IllegalArgumentException("no adapters to combine; name at least one");
    }
    Path[] inputs = adapters.stream().map(WeightedAdapter::directory).toArray(Path[]::new);
    try (LoraSet loras = LoraSet.open(adapters, config);
        OutputDirectory directory = OutputDirectory.create(output, overwrite, inputs);
        Progress progress = Progress.start("combining", loras.modules().size(), "modules")) {
      new Combiner(loras, config, progress).write(directory.path());
      directory.commit();
      SortedSet<Long> ranks = new TreeSet<>();
      loras.modules().values().forEach(size -> ranks.add(size.r()));
      return new Report(loras.modules().size(), ranks);
    }
  }

  private void write(Path directory) throws IOException {
    List<AdapterParameter> parameters = new ArrayList<>();
    loras.modules().forEach((name, size) -> addParameters(name, size, parameters));
    List<LoraConfig> configs = loras.loras().stream().map(OpenLora::config).toList();
    try {
      PeftAdapter.write(
          directory,
          CombinedConfig.of(configs, loras.modules()),
          baseModel(),
          parameters,
          this::values);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void addParameters(String name, Size size, List<AdapterParameter> parameters) {
    Initializer none = new Initializer.Zeros();
    parameters.add(
        new AdapterParameter(name + OpenLora.LORA_A, List.of(size.r(), size.in()), none));
    parameters.add(
        new AdapterParameter(name + OpenLora.LORA_B, List.of(size.out(), size.r()), none));
  }

  private String baseModel() {
    List<String> models = loras.baseModels();
    if (models.stream().distinct().count() > 1) {
      LOG.warn(
          "the adapters were trained on different models: {}; the first one is noted",
          String.join(", ", models));
    }
    return models.isEmpty() ? "" : models.get(0);
  }

  /**
   * The values of a parameter. A and B of a module are asked for one after the other, and computed
   * once.
   */
  private float[] values(AdapterParameter parameter) {
    boolean isA = parameter.name().endsWith(OpenLora.LORA_A);
    String module =
        parameter.name().substring(0, parameter.name().length() - OpenLora.LORA_A.length());
    if (latest == null || !latest.module().equals(module)) {
      try {
        latest = new Combined(module, combine(module));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      progress.advance(1);
    }
    return isA ? latest.factors().loraA() : latest.factors().loraB();
  }

  private Factors combine(String module) throws IOException {
    List<Factors> inputs = new ArrayList<>();
    List<Double> weights = new ArrayList<>();
    List<Double> scalings = new ArrayList<>();
    for (OpenLora lora : loras.having(module)) {
      inputs.add(lora.factors(module));
      weights.add(lora.weight());
      scalings.add(lora.config().scalingOf(module));
    }
    // Of the module's own, so that what is dropped does not depend on the modules before.
    SplittableRandom random =
        new SplittableRandom(config.seed() ^ ((long) module.hashCode() << 32));
    TaskArithmetic arithmetic = new TaskArithmetic(config, random);
    return switch (config.type().operands()) {
      case FACTORS -> combineFactors(arithmetic, inputs, products(weights, scalings));
      case STACKED -> Factors.stacked(inputs, products(weights, scalings));
      case UPDATES -> {
        int rank = loras.rankOf(module);
        if (config.type().pruning() == Pruning.NONE) {
          yield TruncatedSvd.ofProduct(Factors.stacked(inputs, products(weights, scalings)), rank);
        }
        List<float[]> updates = new ArrayList<>();
        for (int n = 0; n < inputs.size(); n++) {
          updates.add(inputs.get(n).product(scalings.get(n)));
        }
        yield TruncatedSvd.ofMatrix(
            arithmetic.merge(updates, weights), inputs.get(0).out(), inputs.get(0).in(), rank);
      }
    };
  }

  private static List<Double> products(List<Double> weights, List<Double> scalings) {
    List<Double> products = new ArrayList<>();
    for (int n = 0; n < weights.size(); n++) {
      products.add(weights.get(n) * scalings.get(n));
    }
    return products;
  }

  /** Each factor takes the root of the weight, and A its sign. */
  private static Factors combineFactors(
      TaskArithmetic arithmetic, List<Factors> inputs, List<Double> weights) {
    List<Double> roots = weights.stream().map(w -> Math.sqrt(Math.abs(w))).toList();
    List<Double> signed =
        weights.stream().map(w -> Math.signum(w) * Math.sqrt(Math.abs(w))).toList();
    float[] loraA = arithmetic.merge(inputs.stream().map(Factors::loraA).toList(), signed);
    float[] loraB = arithmetic.merge(inputs.stream().map(Factors::loraB).toList(), roots);
    return new Factors(loraA, loraB, inputs.get(0).r());
  }
}
