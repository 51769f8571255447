package org.llmadapters.training.command;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Options that have an effect only with some values of another one, which is called the choice.
 *
 * @param choice {@code --optimizer}
 * @param options what each value of the choice takes: {@code {"sgd": ["--momentum"]}}
 */
record ChoiceFlags(String choice, Map<String, Set<String>> options) {

  /**
   * Checks that all options that were given have an effect.
   *
   * @param chosen a value of the choice
   * @param given values by option; null where an option was not given
   * @throws IllegalArgumentException that lists all options without effect, and whose they are
   */
  void check(String chosen, Map<String, @Nullable Object> given) {
    List<String> problems = new ArrayList<>();
    given.forEach(
        (option, value) -> {
          if (value != null && !options.getOrDefault(chosen, Set.of()).contains(option)) {
            problems.add(option + " is an option of " + takers(option));
          }
        });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(", ", problems) + ", got " + choice + " " + chosen);
    }
  }

  private String takers(String option) {
    return options.entrySet().stream()
        .filter(entry -> entry.getValue().contains(option))
        .map(entry -> choice + " " + entry.getKey())
        .sorted()
        .collect(Collectors.joining(" or "));
  }
}
