package org.llmadapters.eval.task;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a model answered to one item; made by {@link Task#grade}.
 *
 * @param index of the item in its file, from 0
 * @param prompt what the model was asked; empty if a predictions file does not say
 * @param response what it said, without the prompt; of scored choices the likeliest one's text
 * @param extracted the answer found in the response, null if there is none
 * @param label the item's answer
 * @param correct whether the extracted answer is right
 * @param tokens generated for the response, or read to score all choices; 0 if a predictions file
 *     does not say
 * @param choices that were scored; empty if the response was generated
 */
public record Prediction(
    int index,
    String prompt,
    String response,
    @Nullable String extracted,
    String label,
    boolean correct,
    int tokens,
    List<ScoredChoice> choices) {
  public Prediction {
    choices = List.copyOf(choices);
  }

  /** What was generated. */
  public Prediction(
      int index,
      String prompt,
      String response,
      @Nullable String extracted,
      String label,
      boolean correct,
      int tokens) {
    this(index, prompt, response, extracted, label, correct, tokens, List.of());
  }

  /**
   * Whether the likeliest choice for its length, see {@link ScoredChoice#normalized}, is right;
   * false if none were scored.
   */
  public boolean correctNormalized() {
    return !choices.isEmpty() && ScoredChoice.likeliestNormalized(choices).answer().equals(label);
  }
}
