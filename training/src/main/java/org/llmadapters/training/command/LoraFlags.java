package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.training.optimizer.FactorRates;
import picocli.CommandLine.Option;

/** The options of LoRA, named as in PEFT. */
final class LoraFlags implements KindFlags {
  private static final String TARGET_MODULES = "--target-modules";

  private static final String BIAS = "--bias";

  /** The other kinds with which biases are trained. */
  private static final Set<AdapterKind> WITH_BIAS =
      Set.of(AdapterKind.SERIES, AdapterKind.PARALLEL);

  /** The other kinds that sit at modules. */
  private static final Set<AdapterKind> WITH_MODULES =
      Set.of(AdapterKind.SERIES, AdapterKind.PARALLEL, AdapterKind.IA3);

  @Option(names = "--r", defaultValue = "8", description = "Rank (default ${DEFAULT-VALUE}).")
  private int r;

  @Option(
      names = "--lora-alpha",
      defaultValue = "16",
      description = "alpha / r scales the update (default ${DEFAULT-VALUE}).")
  private double loraAlpha;

  @Option(names = "--use-rslora", description = "alpha / sqrt(r) scales the update.")
  private boolean useRslora;

  @Option(
      names = "--use-dora",
      description = "Train the norm of every output's weights as well (DoRA).")
  private boolean useDora;

  @Option(
      names = BIAS,
      defaultValue = "none",
      description =
          "Train the model's biases as well: none, lora_only (of series and parallel adapters: adapter_only) for those of adapted layers, or all (default ${DEFAULT-VALUE}).")
  private String bias = "";

  @Option(
      names = "--modules-to-save",
      paramLabel = "MODULE,...",
      description = "Modules that are trained whole as well, e.g. lm_head,embed_tokens.")
  private @Nullable String modulesToSave;

  @Option(
      names = "--init-lora-weights",
      defaultValue = "true",
      description =
          "What the adapter starts with, as in PEFT: true, false, gaussian, orthogonal, or out of the base's weights: pissa, pissa_niter_N, olora (default ${DEFAULT-VALUE}).")
  private String initLoraWeights = "";

  @Option(
      names = "--loraplus-lr-ratio",
      defaultValue = "1",
      description = "How many times the learning rate lora_B learns at (LoRA+), e.g. 16.")
  private double loraplusLrRatio;

  @Option(
      names = "--lora-fa",
      description = "Train lora_B alone; lora_A keeps its initial values (LoRA-FA).")
  private boolean loraFa;

  @Option(
      names = "--lora-dropout",
      defaultValue = "0.05",
      description = "Dropout on the adapter's input (default ${DEFAULT-VALUE}).")
  private double loraDropout;

  @Option(
      names = TARGET_MODULES,
      description =
          "Module names separated by commas, one regular expression for whole paths, or all-linear for all linear modules of the blocks (default: for lora queries and values, e.g. q_proj,v_proj or query_key_value; for series and parallel those of LLM-Adapters).")
  private @Nullable String targetModules;

  @Option(
      names = "--exclude-modules",
      description = "Modules that get no adapter: names, or one regular expression.")
  private @Nullable String excludeModules;

  @Option(
      names = "--layers-to-transform",
      description = "Layers that get an adapter, from 0, separated by commas (default: all).")
  private @Nullable String layersToTransform;

  @Option(
      names = "--rank-pattern",
      paramLabel = "MODULE=R,...",
      description = "Other ranks for some modules, e.g. down_proj=2.")
  private @Nullable String rankPattern;

  @Option(
      names = "--alpha-pattern",
      paramLabel = "MODULE=ALPHA,...",
      description = "Other alphas for some modules, e.g. down_proj=4.")
  private @Nullable String alphaPattern;

  /** {@code --target-modules} and {@code --bias} are shared. */
  @Override
  public boolean isFor(AdapterKind kind, String option) {
    return kind == AdapterKind.LORA
        || (option.equals(TARGET_MODULES) && WITH_MODULES.contains(kind))
        || (option.equals(BIAS) && WITH_BIAS.contains(kind));
  }

  /**
   * The configuration that the flags ask for.
   *
   * @param model base SavedModel, whose family has the default of {@code --target-modules}
   * @param dora whether it is DoRA also without {@code --use-dora}
   * @throws IllegalArgumentException if a value cannot be used
   * @throws IOException if reading the model's configuration fails
   */
  LoraConfig toConfig(Path model, boolean dora) throws IOException {
    Optional<TargetModules> named = targets();
    TargetModules targets =
        named.isPresent()
            ? named.get()
            : LoraConfig.defaultTargets(BaseModel.architecture(model).spec());
    return new LoraConfig(
        r,
        loraAlpha,
        useRslora,
        loraDropout,
        TargetModules.restricted(
            targets,
            layers(),
            List.of(),
            Optional.ofNullable(excludeModules).map(LoraFlags::named)),
        new LoraPatterns(
            pattern("--rank-pattern", rankPattern, Integer::valueOf),
            pattern("--alpha-pattern", alphaPattern, Double::valueOf)),
        new LoraVariant(
            useDora || dora,
            LoraInit.of(initLoraWeights),
            bias(AdapterKind.LORA),
            modulesToSave()));
  }

  /** The learning rates of the two factors. */
  FactorRates rates() {
    return new FactorRates(loraplusLrRatio, loraFa);
  }

  /**
   * The biases that {@code --bias} asks for.
   *
   * @throws IllegalArgumentException if it is no value for {@code kind}
   */
  TrainedBias bias(AdapterKind kind) {
    return TrainedBias.of(bias, kind);
  }

  /** What {@code --target-modules} names, if it is given. */
  Optional<TargetModules> targets() {
    return Optional.ofNullable(targetModules).map(LoraFlags::named);
  }

  /** The modules that a flag names. */
  static TargetModules named(String modules) {
    if (modules.equals(TargetModules.AllLinear.NAME)) {
      return new TargetModules.AllLinear();
    }
    boolean names = modules.matches("[A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*");
    return names
        ? new TargetModules.Names(List.of(modules.split(",", -1)))
        : new TargetModules.Regex(modules);
  }

  private List<String> modulesToSave() {
    return modulesToSave == null ? List.of() : List.of(modulesToSave.split(",", -1));
  }

  private List<Integer> layers() {
    if (layersToTransform == null) {
      return List.of();
    }
    if (!layersToTransform.matches("\\d{1,6}(,\\d{1,6})*")) {
      throw new IllegalArgumentException(
          "--layers-to-transform is \"" + layersToTransform + "\", expected layers such as 0,1,5");
    }
    return List.of(layersToTransform.split(",", -1)).stream().map(Integer::valueOf).toList();
  }

  /**
   * Numbers by names, in the order of {@code NAME=NUMBER,...}.
   *
   * @param flag whose value {@code text} is; null is none
   * @throws IllegalArgumentException if it is something else
   */
  static <T> Map<String, T> pattern(
      String flag, @Nullable String text, Function<String, T> number) {
    Map<String, T> pattern = new LinkedHashMap<>();
    if (text == null) {
      return pattern;
    }
    for (String entry : text.split(",", -1)) {
      int equals = entry.lastIndexOf('=');
      try {
        if (equals < 1) {
          throw new NumberFormatException("no number");
        }
        pattern.put(entry.substring(0, equals), number.apply(entry.substring(equals + 1)));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            flag + ": got \"" + entry + "\", expected a name and a number such as down_proj=2", e);
      }
    }
    return pattern;
  }
}
