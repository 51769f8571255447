package org.llmadapters.conversion.combine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.combine.CombinationType.Operands;
import org.llmadapters.conversion.combine.CombinationType.Pruning;

/**
 * How to combine, beside the weights of the adapters.
 *
 * @param type which rule
 * @param density fraction of the elements that are kept, in (0, 1]; for the types that drop some,
 *     and only for them
 * @param majoritySign for the types that elect signs
 * @param svdRank rank of the result of the svd types, and only for them; the largest rank of the
 *     adapters if empty
 * @param seed of what is dropped at random
 */
public record CombinationConfig(
    CombinationType type,
    Optional<Double> density,
    MajoritySign majoritySign,
    Optional<Integer> svdRank,
    long seed) {

  /** The seed unless another is given. */
  static final String DEFAULT_SEED = "42";

  public CombinationConfig {
    List<String> problems = new ArrayList<>();
    boolean prunes = type.pruning() != Pruning.NONE;
    if (prunes && density.isEmpty()) {
      problems.add(type.peftName() + " needs a density, the fraction of elements to keep");
    }
    if (!prunes && density.isPresent()) {
      problems.add("density has no effect with " + type.peftName() + ", which keeps all elements");
    }
    density
        .filter(value -> !(value > 0 && value <= 1))
        .ifPresent(value -> problems.add("density must be in (0, 1], got " + value));
    if (svdRank.isPresent() && type.operands() != Operands.UPDATES) {
      problems.add("svd_rank has no effect with " + type.peftName() + ", only with the svd types");
    }
    svdRank
        .filter(rank -> rank < 1 || rank > 1 << 16)
        .ifPresent(rank -> problems.add("svd_rank must be between 1 and 65536, got " + rank));
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }
}
