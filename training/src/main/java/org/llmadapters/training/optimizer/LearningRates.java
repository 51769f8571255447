package org.llmadapters.training.optimizer;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.llmadapters.conversion.files.NearestName;
import org.llmadapters.graph.Weight;

/**
 * How many times the learning rate each trained variable learns at.
 *
 * @param factors of LoRA's two factors, where no pattern says otherwise
 * @param multiples by patterns: {@code {"lora_B": 16, "layers.0": 0.5}}. A pattern is a regular
 *     expression for whole parts of a variable's name, between dots; the first that matches wins
 */
public record LearningRates(FactorRates factors, Map<String, Double> multiples) {

  /** All variables at the learning rate. */
  public static final LearningRates EQUAL = new LearningRates(FactorRates.EQUAL, Map.of());

  private static final String OPTION = "--learning-rate-of";

  public LearningRates {
    multiples = Collections.unmodifiableMap(new LinkedHashMap<>(multiples));
    List<String> problems = new ArrayList<>();
    multiples.forEach(
        (pattern, multiple) -> {
          if (!(multiple > 0 && multiple < 1e6)) {
            problems.add(pattern + " must be in (0, 1e6), got " + multiple);
          }
          try {
            compiled(pattern);
          } catch (PatternSyntaxException e) {
            problems.add("\"" + pattern + "\" is not a regular expression: " + e.getDescription());
          }
        });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(OPTION + ": " + String.join("; ", problems));
    }
  }

  /** How many times the learning rate {@code trained} learns at. */
  public double of(Weight trained) {
    return multiples.entrySet().stream()
        .filter(entry -> matches(entry.getKey(), trained))
        .findFirst()
        .map(Map.Entry::getValue)
        .orElseGet(() -> factors.of(trained));
  }

  /**
   * Checks that every pattern matches one of the variables.
   *
   * @param trained all trained variables
   * @throws IllegalArgumentException that lists those that do not, and the nearest names
   */
  public void requireMatches(List<Weight> trained) {
    List<String> problems = new ArrayList<>();
    for (String pattern : multiples.keySet()) {
      if (trained.stream().noneMatch(weight -> matches(pattern, weight))) {
        problems.add(
            "\""
                + pattern
                + "\""
                + NearestName.of(pattern, parts(trained))
                    .map(name -> " (nearest: " + name + ")")
                    .orElse(""));
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              "%s: no trained variable matches %s; give parts of names such as %s",
              OPTION, String.join(", ", problems), trained.get(0).name()));
    }
  }

  private static Set<String> parts(List<Weight> trained) {
    Set<String> parts = new TreeSet<>();
    trained.forEach(weight -> parts.addAll(List.of(weight.name().split("\\.", -1))));
    return parts;
  }

  private static boolean matches(String pattern, Weight weight) {
    return compiled(pattern).matcher(weight.name()).matches();
  }

  private static Pattern compiled(String pattern) {
    return Pattern.compile("(.*\\.)?(" + pattern + ")(\\..*)?");
  }
}
