package org.llmadapters.conversion.combine;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.NearestName;

/**
 * How adapters are combined: PEFT's {@code combination_type}. A type says what is combined, which
 * elements of it are dropped before, and how the rest is merged.
 */
public enum CombinationType {
  /** Weighted sums of the A and of the B. */
  LINEAR("linear", Operands.FACTORS, Pruning.NONE, false),
  /** All A one below the other, all B side by side: the weighted sum of the updates, exactly. */
  CAT("cat", Operands.STACKED, Pruning.NONE, false),
  /** The weighted sum of the updates, as near as the rank allows. */
  SVD("svd", Operands.UPDATES, Pruning.NONE, false),
  /** TIES (Yadav et al. 2023, arXiv:2306.01708) of the A and of the B. */
  TIES("ties", Operands.FACTORS, Pruning.MAGNITUDE, true),
  /** TIES of the updates. */
  TIES_SVD("ties_svd", Operands.UPDATES, Pruning.MAGNITUDE, true),
  /** DARE (Yu et al. 2023, arXiv:2311.03099) of the A and of the B. */
  DARE_LINEAR("dare_linear", Operands.FACTORS, Pruning.RANDOM, false),
  /** DARE of the updates. */
  DARE_LINEAR_SVD("dare_linear_svd", Operands.UPDATES, Pruning.RANDOM, false),
  /** DARE, then signs elected as in TIES, of the A and of the B. */
  DARE_TIES("dare_ties", Operands.FACTORS, Pruning.RANDOM, true),
  /** DARE, then signs elected as in TIES, of the updates. */
  DARE_TIES_SVD("dare_ties_svd", Operands.UPDATES, Pruning.RANDOM, true),
  /** Weighted sums of the largest elements of the A and of the B. */
  MAGNITUDE_PRUNE("magnitude_prune", Operands.FACTORS, Pruning.MAGNITUDE, false),
  /** The weighted sum of the largest elements of the updates. */
  MAGNITUDE_PRUNE_SVD("magnitude_prune_svd", Operands.UPDATES, Pruning.MAGNITUDE, false);

  /** What is combined. */
  enum Operands {
    /** A with A and B with B, which therefore need the same rank. */
    FACTORS,
    /** A and B of all adapters, put together to larger ones. */
    STACKED,
    /** The products of B and A, whose combination is factored again. */
    UPDATES
  }

  /** Which elements are dropped before. */
  enum Pruning {
    /** None. */
    NONE,
    /** All but the largest. */
    MAGNITUDE,
    /** Random ones, for which the others are enlarged. */
    RANDOM
  }

  private final String peftName;
  private final Operands operands;
  private final Pruning pruning;
  private final boolean electsSigns;

  CombinationType(String peftName, Operands operands, Pruning pruning, boolean electsSigns) {
    this.peftName = peftName;
    this.operands = operands;
    this.pruning = pruning;
    this.electsSigns = electsSigns;
  }

  /** Its name on the command line and in PEFT: {@code dare_linear}. */
  public String peftName() {
    return peftName;
  }

  Operands operands() {
    return operands;
  }

  Pruning pruning() {
    return pruning;
  }

  /** Whether only elements with the sign of the majority are merged, to their mean. */
  boolean electsSigns() {
    return electsSigns;
  }

  /**
   * The type called {@code peftName}.
   *
   * @throws IllegalArgumentException if there is none; names the nearest
   */
  public static CombinationType of(String peftName) {
    List<String> names = Arrays.stream(values()).map(CombinationType::peftName).toList();
    return Arrays.stream(values())
        .filter(type -> type.peftName.equals(peftName))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown combination type \""
                        + peftName
                        + "\""
                        + NearestName.of(peftName, names).map(n -> "; nearest: " + n).orElse("")
                        + "; known: "
                        + names.stream().collect(Collectors.joining(", "))));
  }
}
