package org.llmadapters.training.sample;

/**
 * One arithmetic word problem, an Alpaca record with an empty {@code input}.
 *
 * @param instruction the question, e.g. {@code Tom has 7 apples. He buys 5 more. How many apples
 *     does Tom have now?}
 * @param output the text to learn: one equation per step, then the answer, e.g. {@code 7 + 5 = 12.
 *     The answer is 12.}
 * @param answer the answer alone, in decimal digits, e.g. {@code 12}
 */
public record Problem(String instruction, String output, String answer) {
  /** Refuses an output that does not end with the answer. */
  public Problem {
    if (!output.endsWith("The answer is " + answer + ".")) {
      throw new IllegalArgumentException(
          "output must end with \"The answer is %s.\", got \"%s\"".formatted(answer, output));
    }
  }
}
