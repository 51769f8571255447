package org.llmadapters.eval.task;

import java.util.ArrayList;
import java.util.List;

/**
 * Answers with letters from A on, as LLM-Adapters' AQuA and mathqa list them at the end of a
 * question:
 *
 * <pre>
 *   Answer Choices: (A) 60 m (B) 61 m (C) 62 m
 *   The options: A ) 38 , B ) 27.675 , C ) 30
 * </pre>
 */
final class LetteredChoices implements ChoiceList {
  private static final String LETTERS = "ABCDE";

  private final String heading;
  private final String before;
  private final String after;
  private final String separator;

  private LetteredChoices(String heading, String before, String after, String separator) {
    this.heading = heading;
    this.before = before;
    this.after = after;
    this.separator = separator;
  }

  /** {@code Answer Choices: (A) 60 m (B) 61 m}. */
  static LetteredChoices aqua() {
    return new LetteredChoices("Answer Choices:", "(", ")", "");
  }

  /** {@code The options: A ) 38 , B ) 27.675}. */
  static LetteredChoices mathqa() {
    return new LetteredChoices("The options:", "", " )", ",");
  }

  @Override
  public List<Listed> in(String instruction) {
    int heading = instruction.lastIndexOf(this.heading);
    if (heading < 0) {
      return List.of();
    }
    List<Listed> listed = new ArrayList<>();
    int start = instruction.indexOf(mark('A'), heading);
    for (int i = 0; i < LETTERS.length() && start >= 0; i++) {
      char letter = LETTERS.charAt(i);
      int from = start + mark(letter).length();
      start =
          i + 1 < LETTERS.length() ? instruction.indexOf(mark(LETTERS.charAt(i + 1)), from) : -1;
      String option = instruction.substring(from, start < 0 ? instruction.length() : start).strip();
      if (start >= 0 && option.endsWith(separator)) {
        option = option.substring(0, option.length() - separator.length()).strip();
      }
      listed.add(new Listed(String.valueOf(letter), option));
    }
    return listed.size() < 2 ? List.of() : List.copyOf(listed);
  }

  private String mark(char letter) {
    return before + letter + after;
  }

  @Override
  public String expected() {
    return "\"" + heading + " " + mark('A') + " ... " + mark('B') + " ...\" at its end";
  }

  @Override
  public String response(String answer) {
    return "The answer is (" + answer + ").";
  }
}
