package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.FormatException;

final class TaskFileTest {

  private static final String EXPECTED = "expected records {\"instruction\": ..., \"answer\": ...}";
  private static final Task MATH = Task.of("math");

  @TempDir Path folder;

  @Test
  void readsAJsonList() throws IOException {
    Path file =
        write(
            """
            [
              {"instruction": "2 + 3?", "input": "", "output": "It is 5.", "answer": "5.0"},
              {"instruction": "Add.", "input": "1, 2", "answer": 3}
            ]
            """);

    assertThat(TaskFile.read(file, MATH))
        .containsExactly(new TaskItem("2 + 3?", "", "5.0"), new TaskItem("Add.", "1, 2", "3"));
  }

  @Test
  void readsJsonl() throws IOException {
    Path file =
        write(
            "\uFEFF\n{\"instruction\": \"2 + 3?\", \"answer\": \"5\"}\r\n\n"
                + "{\"instruction\": \"\u00fc\\n?\", \"input\": null, \"answer\": \"6\"}");

    assertThat(TaskFile.read(file, MATH))
        .containsExactly(new TaskItem("2 + 3?", "", "5"), new TaskItem("\u00fc\n?", "", "6"));
  }

  @Test
  void listsAllBadLinesOfJsonl() throws IOException {
    Path file =
        write(
            """
            {"instruction": "2 + 3?", "answer": "5"}

            {"instruction": "2 + 3?", "answer": "five"}
            {"instruction": 7}
            {"instruction": "2 + 3?" "answer": "5"}
            {"instruction": "2 + 3?", "answer": "5"} {}
            [1, 2]
            {"instruction": "a", "instruction": "b", "answer": "5"}
            {"instruction": "\\ud83d", "answer": "5"}
            """);

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 8 problems\n"
                + "  line 3: \"answer\" must be a number such as 576 or 576.0, got \"five\"\n"
                + "  line 4: \"instruction\" must be text, got 7\n"
                + "  line 4: \"answer\" is missing\n"
                + "  line 5: not valid JSON at column 26: Unexpected character ('\"' (code 34)):"
                + " was expecting comma to separate Object entries\n"
                + "  line 6: the object is followed by more, expected the end of the line\n"
                + "  line 7: must be a JSON object\n"
                + "  line 8: not valid JSON at column 35: Duplicate field"
                + " 'instruction'\n"
                + "  line 9: \"instruction\" has half of a surrogate pair, which is no character\n"
                + "Expected records {\"instruction\": ..., \"answer\": ...}");
  }

  @Test
  void namesTheBadRecordsOfAList() throws IOException {
    Path file =
        write(
            "[{\"instruction\": \"2?\", \"answer\": \"2\"},\n {\"answer\": true},\n null,"
                + " {\"instruction\": \"2?\", \"answer\": \"\"}]");

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 4 problems\n"
                + "  record 2: \"instruction\" is missing\n"
                + "  record 2: \"answer\" must be text, got true\n"
                + "  record 3: must be a JSON object\n"
                + "  record 4: \"answer\" must be a number such as 576 or 576.0, got \"\"\n"
                + "Expected records {\"instruction\": ..., \"answer\": ...}");
  }

  @Test
  void saysWhereAListIsBroken() throws IOException {
    Path file = write("[{\"instruction\": \"2?\", \"answer\": \"2\"},\n  {\"instruction\": }]");

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            file + ": 1 problem\n  record 2: not valid JSON at line 2, column 19: ");
  }

  @Test
  void rejectsAListThatIsCutOff() throws IOException {
    Path file = write("[{\"instruction\": \"2?\", \"answer\": \"2\"},");

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("record 2: not valid JSON at line 1, column 39");
  }

  @Test
  void rejectsTextAfterAList() throws IOException {
    Path file = write("[{\"instruction\": \"2?\", \"answer\": \"2\"}]\n[]");

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("the list is followed by more, expected the end of the file");
  }

  @Test
  void showsTwentyProblemsAndTheirNumber() throws IOException {
    Path file = write("{\"instruction\": \"2?\"}\n".repeat(23));

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": 23 problems\n  line 1: ")
        .hasMessageContaining("\n  line 20: \"answer\" is missing\n  and 3 more\nExpected ")
        .hasMessageNotContaining("line 21");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n \n", "[]", " [ ] "})
  void rejectsAFileWithoutRecords(String text) throws IOException {
    Path file = write(text);

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": holds no records; " + EXPECTED);
  }

  @Test
  void rejectsBytesThatAreNotUtf8() throws IOException {
    Path file = Files.write(folder.resolve("task.json"), new byte[] {'[', '"', (byte) 0xff, '"'});

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": is not UTF-8 text; " + EXPECTED);
  }

  @Test
  void rejectsALineWithoutEnd() throws IOException {
    Path file = write("{" + " ".repeat(1 << 24));

    assertThatThrownBy(() -> TaskFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": line 1 has more than 16777216 characters; " + EXPECTED);
  }

  @Test
  void saysThatAFileIsMissing() {
    assertThatThrownBy(() -> TaskFile.read(folder.resolve("absent.json"), MATH))
        .isInstanceOf(NoSuchFileException.class);
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("task.json"), text, StandardCharsets.UTF_8);
  }
}
