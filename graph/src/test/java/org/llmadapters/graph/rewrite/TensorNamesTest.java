package org.llmadapters.graph.rewrite;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class TensorNamesTest {

  @Test
  void takesTheNodeOutOfEveryForm() {
    assertThat(TensorNames.node("a/b")).isEqualTo("a/b");
    assertThat(TensorNames.node("a/b:2")).isEqualTo("a/b");
    assertThat(TensorNames.node("^a/b")).isEqualTo("a/b");
  }

  @Test
  void tellsControlEdgesFromTensors() {
    assertThat(TensorNames.isControl("^a")).isTrue();
    assertThat(TensorNames.isControl("a:0")).isFalse();
  }

  @Test
  void knowsBothSpellingsOfTheFirstOutput() {
    assertThat(TensorNames.isFirstOutput("a", "a")).isTrue();
    assertThat(TensorNames.isFirstOutput("a:0", "a")).isTrue();
    assertThat(TensorNames.isFirstOutput("a:1", "a")).isFalse();
    assertThat(TensorNames.isFirstOutput("a:00", "a")).isFalse();
    assertThat(TensorNames.isFirstOutput("^a", "a")).isFalse();
    assertThat(TensorNames.isFirstOutput("ab", "a")).isFalse();
  }
}
