package org.llmadapters.eval.task;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Tasks that LLM-Adapters evaluates together.
 *
 * @param name {@code math} or {@code commonsense}
 * @param tasks in the order of a table
 */
public record Suite(String name, List<Task> tasks) {
  private static final List<Suite> KNOWN =
      List.of(
          suite(
              "math",
              "AddSub",
              "MultiArith",
              "SingleEq",
              "gsm8k",
              "SVAMP",
              "mawps",
              "AQuA",
              "mathqa"),
          suite(
              "commonsense",
              "boolq",
              "piqa",
              "social_i_qa",
              "hellaswag",
              "winogrande",
              "ARC-Easy",
              "ARC-Challenge",
              "openbookqa"));

  public Suite {
    tasks = List.copyOf(tasks);
  }

  private static Suite suite(String name, String... tasks) {
    return new Suite(name, Stream.of(tasks).map(Task::of).toList());
  }

  /**
   * The suite called {@code name}.
   *
   * @throws IllegalArgumentException if there is none, naming all
   */
  public static Suite of(String name) {
    return KNOWN.stream()
        .filter(suite -> suite.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown suite \""
                        + name
                        + "\"; known: "
                        + KNOWN.stream().map(Suite::name).collect(Collectors.joining(", "))));
  }
}
