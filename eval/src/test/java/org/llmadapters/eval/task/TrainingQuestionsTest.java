package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.FormatException;

final class TrainingQuestionsTest {
  @TempDir private Path directory;

  private TrainingQuestions read(String text) throws IOException {
    return TrainingQuestions.read(Files.writeString(directory.resolve("train.json"), text));
  }

  private static TaskItem item(String instruction, String input) {
    return new TaskItem(instruction, input, "1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "What is 3.5 + 4?",
        "  what IS 3.5\\n\\t+ 4? ",
        "What is \\u00a03.5 + 4?",
        "\\uff37hat is 3.5 + 4?"
      })
  void caseAndWhiteSpaceDoNotMakeAQuestionNew(String trained) throws IOException {
    TrainingQuestions questions =
        read("[{\"instruction\": \"" + trained + "\", \"output\": \"\"}]");
    assertThat(questions.contains(item("What is 3.5 + 4?", ""))).isTrue();
  }

  @Test
  void numbersSignsAndInputsMakeAQuestionNew() throws IOException {
    TrainingQuestions questions =
        read("[{\"instruction\": \"What is 3.5 + 4?\", \"input\": \"Be brief.\"}]");
    assertThat(questions.contains(item("What is 3.5 + 4?", "Be brief."))).isTrue();
    assertThat(questions.contains(item("What is 3.5 + 4?", ""))).isFalse();
    assertThat(questions.contains(item("What is 3.5 + 4?", "Be verbose."))).isFalse();
    assertThat(questions.contains(item("What is 35 + 4?", "Be brief."))).isFalse();
    assertThat(questions.contains(item("What is 3.5 - 4?", "Be brief."))).isFalse();
  }

  @Test
  void rejectsRecordsOfTokens() {
    assertThatThrownBy(() -> read("{\"input_ids\": [1, 2]}\n"))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("train.json")
                + ": 1 problem\n"
                + "  line 1: \"instruction\" is missing\n"
                + "Expected records {\"instruction\": ...}");
  }
}
