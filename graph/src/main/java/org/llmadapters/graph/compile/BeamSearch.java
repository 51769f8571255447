package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import org.llmadapters.graph.compile.BeamConfig.EarlyStopping;

/**
 * The search for one prompt: which sequences are followed, which are finished, and when it ends.
 * Knows no model: it is told the best continuations of the sequences it follows.
 *
 * <p>Rules of transformers 4.50 and later ({@code GenerationMixin._beam_search}), in float32 as
 * there. Of the candidates of a step, best first,
 *
 * <ul>
 *   <li>the {@code num_beams} best that do not end are followed;
 *   <li>those that end (by an end token, a stop string, or because {@code max_new_tokens} is
 *       reached) and are among the {@code num_beams} best of all are finished: their score is their
 *       sum of log-probabilities divided by {@code n^length_penalty}, the end token counted in n;
 *       the {@code num_beams} best finished sequences are kept.
 * </ul>
 */
final class BeamSearch {
  private static final float UNREACHABLE = -1e9f;

  private final BeamConfig config;
  private final Predicate<List<Integer>> ends;
  private final int maxNewTokens;
  private List<Running> running = new ArrayList<>();
  private List<Hypothesis> finished = new ArrayList<>();
  private int length;
  private boolean ended;

  /**
   * A sequence that is followed.
   *
   * @param beam of the step before that it continues
   * @param tokens chosen so far
   * @param score sum of their log-probabilities
   */
  record Running(int beam, List<Integer> tokens, float score) {}

  /**
   * A finished sequence.
   *
   * @param tokens after the prompt, the end token included
   * @param score length-normalised
   */
  record Hypothesis(List<Integer> tokens, float score) {}

  /**
   * @param ends whether a sequence ends with its last token, before {@code max_new_tokens}
   */
  BeamSearch(BeamConfig config, Predicate<List<Integer>> ends, int maxNewTokens) {
    this.config = config;
    this.ends = ends;
    this.maxNewTokens = maxNewTokens;
    this.running.add(new Running(0, List.of(), 0));
  }

  /** How many candidates a step needs, so that {@code num_beams} of them surely go on. */
  static int candidates(int numBeams, int endIds) {
    return Math.max(2, 1 + endIds) * numBeams;
  }

  /**
   * Goes one token further. Has no effect once the search has {@link #ended}.
   *
   * @param scores sums of log-probabilities, best first
   * @param beams the running sequence that each candidate continues
   * @param tokens the token it adds
   */
  void advance(float[] scores, int[] beams, int[] tokens) {
    if (ended) {
      return;
    }
    length++;
    List<Running> next = new ArrayList<>();
    List<Hypothesis> ending = new ArrayList<>(finished);
    for (int rank = 0; rank < scores.length; rank++) {
      if (scores[rank] <= UNREACHABLE) {
        continue; // continues a sequence that does not exist
      }
      List<Integer> sequence = new ArrayList<>(running.get(beams[rank]).tokens());
      sequence.add(tokens[rank]);
      if (length == maxNewTokens || ends.test(sequence)) {
        if (rank < config.numBeams()) {
          ending.add(new Hypothesis(sequence, normalised(scores[rank], length)));
        }
      } else if (next.size() < config.numBeams()) {
        next.add(new Running(beams[rank], sequence, scores[rank]));
      }
    }
    ending.sort(Comparator.comparing(Hypothesis::score, Comparator.reverseOrder()));
    finished = ending.subList(0, Math.min(ending.size(), config.numBeams()));
    running = next;
    ended = running.isEmpty() || isFullAndStops() || !canImprove();
  }

  private boolean isFullAndStops() {
    return isFull() && config.earlyStopping() == EarlyStopping.TRUE;
  }

  private boolean isFull() {
    return finished.size() == config.numBeams();
  }

  private boolean canImprove() {
    if (!isFull()) {
      return true;
    }
    boolean atFullLength =
        config.earlyStopping() == EarlyStopping.NEVER && config.lengthPenalty() > 0;
    float best = normalised(running.get(0).score(), atFullLength ? maxNewTokens : length);
    return best > finished.get(finished.size() - 1).score();
  }

  private float normalised(float score, int tokens) {
    return score / (float) Math.pow((double) tokens, config.lengthPenalty());
  }

  /** Whether nothing can change any more. */
  boolean ended() {
    return ended;
  }

  /** The sequences that are followed, best first; fewer than {@code num_beams} only at the end. */
  List<Running> running() {
    return List.copyOf(running);
  }

  /** The best finished sequence; where none is finished yet, the best that is followed. */
  Hypothesis best() {
    if (!finished.isEmpty()) {
      return finished.get(0);
    }
    Running first = running.get(0);
    return new Hypothesis(first.tokens(), normalised(first.score(), Math.max(1, length)));
  }
}
