package org.llmadapters.eval.task;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What a model is asked the likelihood of. */
public enum ChoiceForm {
  /** What a right response says: {@code the correct answer is answer2}. */
  ANSWER("answer"),
  /** What the answer stands for: {@code a tundra}. */
  OPTION("option");

  private final String cliName;

  ChoiceForm(String cliName) {
    this.cliName = cliName;
  }

  /** As on the command line: {@code option}. */
  public String cliName() {
    return cliName;
  }

  /**
   * The form called {@code cliName}.
   *
   * @throws IllegalArgumentException if there is none, naming all
   */
  public static ChoiceForm of(String cliName) {
    return Arrays.stream(values())
        .filter(form -> form.cliName.equals(cliName))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "--choices must be "
                        + Arrays.stream(values())
                            .map(ChoiceForm::cliName)
                            .collect(Collectors.joining(" or "))
                        + ", got "
                        + cliName));
  }
}
