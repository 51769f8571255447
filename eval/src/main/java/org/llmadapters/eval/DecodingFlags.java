package org.llmadapters.eval;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.BeamConfig.EarlyStopping;
import org.llmadapters.graph.compile.SamplingConfig;
import picocli.CommandLine.Option;

/** The flags that say how tokens are chosen, named as in transformers. */
final class DecodingFlags {
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

  @Option(
      names = "--do-sample",
      description =
          "Draw each token by its probability, instead of taking the likeliest. LLM-Adapters' evaluation does not: it sets temperature 0.1, top_p 0.75 and top_k 40, which have no effect beside its num_beams 4; --num-beams 4 alone is the same.")
  private boolean doSample;

  @Option(
      names = "--temperature",
      defaultValue = "1.0",
      description =
          "Divides the logits: below 1 likely tokens become likelier (default ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--top-k",
      defaultValue = "50",
      description =
          "Draw from this many of the likeliest tokens; 0: from all (default ${DEFAULT-VALUE}, as in transformers).")
  private int topK;

  @Option(
      names = "--top-p",
      defaultValue = "1.0",
      description =
          "Draw from the fewest likeliest tokens whose probabilities sum to this (default ${DEFAULT-VALUE}).")
  private double topP;

  @Option(
      names = "--seed",
      defaultValue = "0",
      description =
          "Of what is drawn. An answer depends on it and the prompt's place in the file, not on the batch (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--repetition-penalty",
      defaultValue = "1.0",
      description =
          "Above 1, tokens of the prompt and of the answer so far become less likely; also without --do-sample (default ${DEFAULT-VALUE}).")
  private double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End an answer before this text; may be repeated.")
  private List<String> stop = new ArrayList<>();

  /**
   * The configuration; flags that would have no effect are refused.
   *
   * @throws IllegalArgumentException if a value is out of its range or flags do not go together
   */
  GenerationConfig toConfig(int maxNewTokens, int batchSize) {
    boolean defaultSearch = lengthPenalty == 1 && earlyStopping.equals("false");
    if (numBeams == 1 && !defaultSearch) {
      throw new IllegalArgumentException(
          "--length-penalty and --early-stopping need --num-beams of 2 or more");
    }
    SamplingConfig sampling =
        new SamplingConfig(doSample, temperature, topK, topP, repetitionPenalty);
    boolean defaultDraw = temperature == 1 && topK == 50 && topP == 1 && seed == 0;
    if (!doSample && !defaultDraw) {
      throw new IllegalArgumentException(
          "--temperature, --top-k, --top-p and --seed need --do-sample");
    }
    if (doSample && numBeams > 1) {
      throw new IllegalArgumentException(
          "--do-sample draws one sequence; leave out --num-beams, or --do-sample");
    }
    return new GenerationConfig(
        maxNewTokens,
        batchSize,
        new BeamConfig(numBeams, lengthPenalty, EarlyStopping.of(earlyStopping)),
        sampling,
        seed,
        new StopStrings(stop));
  }
}
