package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class TrainingFileTest {

  private static final String EXPECTED =
      "xpected records {\"instruction\": ..., \"input\": ..., \"output\": ...} or"
          + " {\"input_ids\": [...], \"labels\": [...]}";

  @TempDir private Path folder;

  @Test
  void readsAnAlpacaList() throws IOException {
    Path file =
        write(
            """
            [
              {"instruction": "2 + 3?", "input": "", "output": "5", "answer": 5.0},
              {"instruction": "Add.", "input": "1, 2", "output": ""}
            ]
            """);

    TrainingFile read = TrainingFile.read(file);

    assertThat(read.file()).isEqualTo(file);
    assertThat(read.records())
        .containsExactly(
            new TrainingRecord.Alpaca("2 + 3?", "", "5"),
            new TrainingRecord.Alpaca("Add.", "1, 2", ""));
  }

  @Test
  void readsAlpacaLinesWithoutInput() throws IOException {
    Path file = write("\n{\"instruction\": \"2 + 3?\", \"output\": \"5\"}\n\n");

    assertThat(TrainingFile.read(file).records())
        .containsExactly(new TrainingRecord.Alpaca("2 + 3?", "", "5"));
  }

  @Test
  void readsTokens() throws IOException {
    Path file =
        write(
            """
            {"input_ids": [1, 7, 2], "labels": [-100, 7, 2]}
            {"input_ids": [1, 8, 9, 2]}
            """);

    assertThat(TrainingFile.read(file).records())
        .containsExactly(
            new TrainingRecord.Tokenized(new Example(ids(1, 7, 2), ids(-100, 7, 2))),
            new TrainingRecord.Tokenized(new Example(ids(1, 8, 9, 2), ids(1, 8, 9, 2))));
  }

  @Test
  void listsAllMalformedRecords() throws IOException {
    Path file =
        write(
            """
            {"instruction": "2 + 3?", "output": "5"}
            {"instruction": "2 + 3?"}
            {"instruction": ["2 + 3?"], "output": 5}
            {"input_ids": [1, 7, 2], "labels": [7, 2]}
            {"input_ids": [1, -7, 2]}
            {"input_ids": [1, 7, 2], "labels": [-100, -1, 2]}
            {"input_ids": []}
            {"input_ids": [1, 2.5]}
            {"input_ids": "1 2"}
            {"input_ids": [1, 4294967296]}
            {"instruction": "2 + 3?", "output": "5"
            """);

    assertThatThrownBy(() -> TrainingFile.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 11 problems\n"
                + "  line 2: \"output\" is missing\n"
                + "  line 3: \"instruction\" must be text, got [\"2 + 3?\"]\n"
                + "  line 3: \"output\" must be text, got 5\n"
                + "  line 4: 3 input_ids and 2 labels, expected as many\n"
                + "  line 5: input_ids[1] must be >= 0, got -7\n"
                + "  line 6: labels[1] must be >= 0 or -100, got -1\n"
                + "  line 7: \"input_ids\" is empty\n"
                + "  line 8: input_ids[1] must be a whole number, got 2.5\n"
                + "  line 9: \"input_ids\" must be a list of whole numbers, got \"1 2\"\n"
                + "  line 10: input_ids[1] must be a whole number, got 4294967296\n"
                + "  line 11: not valid JSON at column 40: Unexpected end-of-input: expected close"
                + " marker for Object (start marker at [Source: REDACTED"
                + " (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column:"
                + " 1])\n"
                + "E"
                + EXPECTED);
  }

  @Test
  void rejectsAnEmptyDataset() throws IOException {
    Path file = write("[]");

    assertThatThrownBy(() -> TrainingFile.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": holds no records; e" + EXPECTED);
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("train.jsonl"), text);
  }

  private static int[] ids(int... ids) {
    return ids;
  }
}
