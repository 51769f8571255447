package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.spec.ModuleNames;

/**
 * IA3: every output of a layer, {@code l * (W x + b)}, or in a feed-forward module every input,
 * {@code W (l * x) + b}, is scaled by a trained number of its own, {@code ia3_l} [out, 1] or [1,
 * in].
 *
 * <p>Source: Liu et al. 2022, arXiv:2205.05638; PEFT, {@code tuners/ia3/layer.py}.
 *
 * @param targetModules the linear modules that are scaled
 * @param feedforwardModules {@code feedforward_modules}: those of them whose input is scaled
 */
public record Ia3Config(TargetModules targetModules, Optional<TargetModules> feedforwardModules)
    implements AdapterConfig {

  /** The configuration that PEFT takes for a family where nothing is named. */
  public static Ia3Config defaults(Architecture family) {
    ModuleNames.Attention attention = family.spec().names().attention();
    List<String> names = new ArrayList<>();
    switch (family) {
      case BLOOM, GPT_NEOX, GPT_2 -> names.add(attention.query());
      case LLAMA, MISTRAL -> {
        names.add(Objects.requireNonNull(attention.key()));
        names.add(Objects.requireNonNull(attention.value()));
      }
      case OPT -> {
        names.add(attention.query());
        names.add(Objects.requireNonNull(attention.key()));
      }
      case QWEN2, QWEN3, GEMMA, GPT_J, GPT_NEO -> {
        names.add(attention.query());
        names.add(Objects.requireNonNull(attention.value()));
      }
    }
    String mlp = family.spec().names().block().mlp();
    String down = family.spec().names().mlp().down();
    String feedforward = mlp.isEmpty() ? down : mlp + "." + down;
    names.add(feedforward);
    return new Ia3Config(
        new TargetModules.Names(names), Optional.of(TargetModules.of(feedforward)));
  }

  /** Whether the input of {@code module} is scaled, not its output. */
  public boolean isFeedforward(String module) {
    return feedforwardModules.isPresent() && feedforwardModules.get().matches(module);
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.IA3;
  }
}
