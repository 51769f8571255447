package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ModuleNames;

/**
 * LoRA: {@code y + (lora_alpha / r) * B(A(dropout(x)))}, with {@code A} [r, in] and {@code B} [out,
 * r] in float32.
 *
 * <p>With {@code use_dora} each output's weight, the base's plus the update, is divided by its norm
 * and multiplied by a trained {@code lora_magnitude_vector} [out].
 *
 * <p>Source: Hu et al. 2021, arXiv:2106.09685; rank-stabilized: Kalajdzievski 2023,
 * arXiv:2312.03732; DoRA: Liu et al. 2024, arXiv:2402.09353; file format and names: PEFT's {@code
 * LoraConfig}.
 *
 * @param r rank
 * @param loraAlpha {@code lora_alpha}: {@code lora_alpha / r} scales the update
 * @param useRslora {@code use_rslora}: {@code lora_alpha / sqrt(r)} scales it
 * @param loraDropout {@code lora_dropout}: probability of dropping an element of the input, while
 *     training only
 * @param targetModules the linear modules, and the embedding of the tokens, that get an adapter
 * @param patterns modules with a rank or a {@code lora_alpha} of their own
 * @param variant what sets it apart from plain LoRA
 */
public record LoraConfig(
    int r,
    double loraAlpha,
    boolean useRslora,
    double loraDropout,
    TargetModules targetModules,
    LoraPatterns patterns,
    LoraVariant variant)
    implements AdapterConfig {

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException that lists all values out of their range
   */
  public LoraConfig {
    List<String> problems = new ArrayList<>();
    rankProblem("r", r).ifPresent(problems::add);
    alphaProblem("lora_alpha", loraAlpha).ifPresent(problems::add);
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      problems.add("lora_dropout must be in [0, 1), got " + loraDropout);
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  /** Plain LoRA, with the same rank and scale for all modules. */
  public LoraConfig(int r, double loraAlpha, double loraDropout, TargetModules targetModules) {
    this(r, loraAlpha, false, loraDropout, targetModules, LoraPatterns.NONE, LoraVariant.PLAIN);
  }

  static Optional<String> rankProblem(String name, int r) {
    return r < 1 || r > 1 << 16
        ? Optional.of(name + " must be between 1 and 65536, got " + r)
        : Optional.empty();
  }

  static Optional<String> alphaProblem(String name, double loraAlpha) {
    return loraAlpha > 0 && loraAlpha < 1e9
        ? Optional.empty()
        : Optional.of(name + " must be in (0, 1e9), got " + loraAlpha);
  }

  /**
   * The modules that PEFT takes where none are named: the projections to queries and values ({@code
   * q_proj}, {@code v_proj}), or the one that makes queries, keys and values ({@code
   * query_key_value}, {@code c_attn}).
   */
  public static TargetModules defaultTargets(BlockSpec spec) {
    ModuleNames.Attention names = spec.names().attention();
    return names.value() == null
        ? TargetModules.of(names.query())
        : TargetModules.of(names.query(), names.value());
  }

  /** The rank of the adapter at {@code module}. */
  public int rankOf(String module) {
    return patterns.rankOf(module).orElse(r);
  }

  /** What scales the update of {@code module}: {@code lora_alpha / r}, or {@code / sqrt(r)}. */
  public double scalingOf(String module) {
    double rank = rankOf(module);
    return patterns.alphaOf(module).orElse(loraAlpha) / (useRslora ? Math.sqrt(rank) : rank);
  }

  /** {@code use_dora}: whether the norm of the weight of every output is trained as well. */
  public boolean useDora() {
    return variant.useDora();
  }

  /**
   * The configuration of twice the rank and the same scale, without values taken from the base:
   * what an adapter that {@linkplain LoraInit#takesFromBase took} {@code A0} and {@code B0} from it
   * is saved as.
   *
   * @throws IllegalArgumentException if rank or alpha would be out of range
   */
  LoraConfig converted() {
    double alphas = useRslora ? Math.sqrt(2) : 2;
    Map<String, Integer> ranks = new LinkedHashMap<>(patterns.rank());
    ranks.replaceAll((module, rank) -> 2 * rank);
    Map<String, Double> ownAlphas = new LinkedHashMap<>(patterns.alpha());
    ownAlphas.replaceAll((module, alpha) -> alphas * alpha);
    return new LoraConfig(
        2 * r,
        alphas * loraAlpha,
        useRslora,
        loraDropout,
        targetModules,
        new LoraPatterns(ranks, ownAlphas),
        new LoraVariant(useDora(), LoraInit.DEFAULT, variant.bias(), variant.modulesToSave()));
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.LORA;
  }
}
