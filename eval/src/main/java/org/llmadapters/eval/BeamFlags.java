package org.llmadapters.eval;

import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.BeamConfig.EarlyStopping;
import picocli.CommandLine.Option;

/** The flags of beam search, named as in transformers. */
final class BeamFlags {
  @Option(
      names = "--num-beams",
      defaultValue = "1",
      description = "Sequences followed at once; 1 is greedy (default ${DEFAULT-VALUE}).")
  private int numBeams;

  @Option(
      names = "--length-penalty",
      defaultValue = "1.0",
      description =
          "Beam search divides a sequence's log-probability by its length to this power (default ${DEFAULT-VALUE}).")
  private double lengthPenalty;

  @Option(
      names = "--early-stopping",
      defaultValue = "false",
      description =
          "When beam search ends: true (at num-beams finished sequences), false (when no longer one is likely to win), never (when none can win) (default ${DEFAULT-VALUE}).")
  private String earlyStopping = "";

  /** The configuration; flags that would have no effect are refused. */
  BeamConfig toConfig() {
    boolean defaults = lengthPenalty == 1 && earlyStopping.equals("false");
    if (numBeams == 1 && !defaults) {
      throw new IllegalArgumentException(
          "--length-penalty and --early-stopping need --num-beams of 2 or more");
    }
    return new BeamConfig(numBeams, lengthPenalty, EarlyStopping.of(earlyStopping));
  }
}
