package org.llmadapters.graph.compile;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * How sequences are searched for, with the names of transformers' {@code GenerationConfig}.
 *
 * @param numBeams {@code num_beams}: sequences that are followed at once; 1 is greedy
 * @param lengthPenalty {@code length_penalty}: a sequence of n new tokens is scored by the sum of
 *     their log-probabilities divided by {@code n^length_penalty}
 * @param earlyStopping {@code early_stopping}: when a search ends
 */
public record BeamConfig(int numBeams, double lengthPenalty, EarlyStopping earlyStopping) {
  /** The most beams: caches grow with them. */
  private static final int MAX_BEAMS = 256;

  /** One token after the other, the likeliest each time. */
  public static final BeamConfig GREEDY = new BeamConfig(1, 1, EarlyStopping.FALSE);

  /** When a search ends before {@code max_new_tokens}. */
  public enum EarlyStopping {
    /**
     * No running sequence would beat the worst of {@code num_beams} finished ones at its length.
     */
    FALSE("false"),
    /** There are {@code num_beams} finished sequences. */
    TRUE("true"),
    /** No running sequence could beat the worst finished one at any length. */
    NEVER("never");

    private final String hfName;

    EarlyStopping(String hfName) {
      this.hfName = hfName;
    }

    /** The value called {@code name} on the command line. */
    public static EarlyStopping of(String name) {
      return Arrays.stream(values())
          .filter(value -> value.hfName.equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "early_stopping must be one of "
                          + Arrays.stream(values())
                              .map(value -> value.hfName)
                              .collect(Collectors.joining(", "))
                          + ", got "
                          + name));
    }
  }

  public BeamConfig {
    if (numBeams < 1 || numBeams > MAX_BEAMS) {
      throw new IllegalArgumentException(
          "num_beams must be between 1 and " + MAX_BEAMS + ", got " + numBeams);
    }
    if (!(Math.abs(lengthPenalty) < 1e3)) {
      throw new IllegalArgumentException(
          "length_penalty must be in (-1000, 1000), got " + lengthPenalty);
    }
  }
}
