package org.llmadapters.training.optimizer;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;

/**
 * How fast LoRA's two factors learn: {@code lora_A} at the learning rate or not at all, {@code
 * lora_B} at that rate or a multiple of it. The A of an embedding starts at zero, with which B
 * learns nothing, and is always trained.
 *
 * <p>Source: LoRA+: Hayou et al. 2024, arXiv:2402.12354; LoRA-FA: Zhang et al. 2023,
 * arXiv:2308.03303; PEFT, {@code optimizers/loraplus.py}.
 *
 * @param loraplusLrRatio {@code loraplus_lr_ratio}: how many times the learning rate {@code lora_B}
 *     learns at, and, as in PEFT, every vector such as DoRA's magnitudes
 * @param loraFa whether {@code lora_A} keeps its initial values
 */
public record FactorRates(double loraplusLrRatio, boolean loraFa) {

  /** All at the learning rate. */
  public static final FactorRates EQUAL = new FactorRates(1, false);

  public FactorRates {
    if (!(loraplusLrRatio > 0 && loraplusLrRatio < 1e6)) {
      throw new IllegalArgumentException(
          "loraplus_lr_ratio must be in (0, 1e6), got " + loraplusLrRatio);
    }
  }

  /** How many times the learning rate {@code trained} learns at. */
  double of(Weight trained) {
    return isB(trained) || trained.shape().size() == 1 ? loraplusLrRatio : 1;
  }

  /** Those of an adapter's {@code variables} that are trained. */
  public List<Weight> trained(List<Weight> variables) {
    return variables.stream().filter(variable -> !(loraFa && isA(variable))).toList();
  }

  /**
   * Checks that there are factors where they are to learn differently.
   *
   * @param what is trained, for the message: {@code --adapter series}
   * @param variables of the adapter, or of the model where there is none
   * @throws IllegalArgumentException that names all options which have no effect
   */
  public void requireFactors(String what, List<Weight> variables) {
    if (variables.stream().anyMatch(FactorRates::isB)) {
      return;
    }
    List<String> options = new ArrayList<>();
    if (loraplusLrRatio != 1) {
      options.add("--loraplus-lr-ratio");
    }
    if (loraFa) {
      options.add("--lora-fa");
    }
    if (!options.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(" and ", options)
              + (options.size() == 1 ? " needs" : " need")
              + " an adapter with lora_A and lora_B, got "
              + what
              + "; leave "
              + (options.size() == 1 ? "it" : "them")
              + " out, or use --adapter lora");
    }
  }

  private static boolean isA(Weight variable) {
    return variable.name().contains(".lora_A");
  }

  private static boolean isB(Weight variable) {
    return variable.name().contains(".lora_B") || variable.name().contains(".lora_embedding_B");
  }
}
