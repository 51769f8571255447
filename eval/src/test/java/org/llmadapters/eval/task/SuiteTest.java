package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class SuiteTest {
  @Test
  void eachSetOfLlmAdaptersIsInOneSuite() {
    List<String> math = Suite.of("math").tasks().stream().map(Task::name).toList();
    List<String> commonsense = Suite.of("commonsense").tasks().stream().map(Task::name).toList();
    assertThat(math).hasSize(8).contains("gsm8k", "AQuA").doesNotContain("math");
    assertThat(commonsense).hasSize(8).contains("boolq", "hellaswag");
    Set<String> both = new HashSet<>(math);
    both.addAll(commonsense);
    both.addAll(Set.of("math", "choices")); // any file of numbers or choices, no sets of their own
    assertThat(both).containsExactlyInAnyOrderElementsOf(Task.names());
  }

  @Test
  void namesTheSuitesThatItKnows() {
    assertThatThrownBy(() -> Suite.of("Math"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("unknown suite \"Math\"; known: math, commonsense");
  }
}
