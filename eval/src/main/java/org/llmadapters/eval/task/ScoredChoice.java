package org.llmadapters.eval.task;

import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * A choice with the likelihood that a model gives it.
 *
 * @param answer what the item's label is compared with
 * @param text of the choice
 * @param logLikelihood the sum of the natural logarithms of its tokens' probabilities, given the
 *     prompt
 */
public record ScoredChoice(String answer, String text, double logLikelihood) {

  /**
   * {@code logLikelihood / characters of text}, a character being a Unicode code point, the space
   * before the text not counted.
   *
   * <p>Source: {@code acc_norm} of EleutherAI/lm-evaluation-harness, {@code process_results} in
   * {@code lm_eval/api/task.py}: {@code completion_len = len(i)} for each of {@code
   * doc_to_choice(doc)}. (Bytes instead of characters are its {@code acc_bytes}.)
   */
  public double normalized() {
    return logLikelihood / Math.max(1, text.codePointCount(0, text.length()));
  }

  /** The likeliest of {@code choices}, one or more; of equal ones the first: {@code acc}. */
  static ScoredChoice likeliest(List<ScoredChoice> choices) {
    return first(choices, ScoredChoice::logLikelihood);
  }

  /** The likeliest for its length, of equal ones the first: {@code acc_norm}. */
  static ScoredChoice likeliestNormalized(List<ScoredChoice> choices) {
    return first(choices, ScoredChoice::normalized);
  }

  private static ScoredChoice first(
      List<ScoredChoice> choices, ToDoubleFunction<ScoredChoice> score) {
    return IntStream.range(0, choices.size())
        .boxed()
        .max(
            Comparator.comparingDouble((Integer i) -> score.applyAsDouble(choices.get(i)))
                .thenComparing(Comparator.reverseOrder()))
        .map(choices::get)
        .orElseThrow();
  }
}
