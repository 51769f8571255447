package org.llmadapters.training.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import blue.strategic.parquet.ParquetWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.records.TrainingRecord.Alpaca;
import org.llmadapters.training.records.TrainingRecord.Conversation;
import org.llmadapters.training.records.TrainingRecord.Text;
import org.llmadapters.training.records.TrainingRecord.Tokenized;

final class RecordFileTest {

  @TempDir private Path folder;

  @Test
  void readsAnAlpacaList() throws IOException {
    Path file =
        write(
            "train.json",
            """
            [
              {"instruction": "2 + 3?", "input": "", "output": "5", "answer": 5.0},
              {"instruction": "Add.", "input": "1, 2", "output": ""}
            ]
            """);

    assertThat(records(file))
        .containsExactly(new Alpaca("2 + 3?", "", "5"), new Alpaca("Add.", "1, 2", ""));
  }

  @Test
  void readsLinesOfAllKinds() throws IOException {
    Path file =
        write(
            "train.jsonl",
            """

            {"instruction": "2 + 3?", "output": "5"}
            {"messages": [{"role": "system", "content": "Add."}, {"role": "user", "content": "2+3"}, {"role": "assistant", "content": "5"}]}

            {"id": 7, "conversations": [{"from": "human", "value": "2+3"}, {"from": "gpt", "value": "5"}]}
            {"text": "Once"}
            {"input_ids": [1, 7, 2], "labels": [-100, 7, 2]}
            {"input_ids": [1, 8, 9, 2]}
            """);
    ChatMessage user = new ChatMessage("user", "2+3");
    ChatMessage assistant = new ChatMessage("assistant", "5");

    assertThat(records(file))
        .containsExactly(
            new Alpaca("2 + 3?", "", "5"),
            new Conversation(List.of(new ChatMessage("system", "Add."), user, assistant)),
            new Conversation(List.of(user, assistant)),
            new Text("Once", true, true),
            new Tokenized(List.of(1, 7, 2), List.of(-100, 7, 2)),
            new Tokenized(List.of(1, 8, 9, 2), List.of(1, 8, 9, 2)));
  }

  @Test
  void saysWhereABadRecordIsAndWhatIsWrong() throws IOException {
    Path file =
        write(
            "train.jsonl",
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
            {"messages": []}
            {"messages": "Hi"}
            {"messages": ["Hi"]}
            {"messages": [{"role": "robot"}, {"content": 5}]}
            {"conversations": [{"from": "human", "value": "Hi"}]}
            {"instruction": "2 + 3?", "output": "\\ud800"}
            {"instruction": "2 + 3?", "output": "5"}
            {"instruction": "2 + 3?", "output": "5"} 7
            ["2 + 3?"]
            """);

    assertThat(problems(file))
        .containsExactly(
            "line 2: \"output\" is missing",
            "line 3: \"instruction\" must be text, got [\"2 + 3?\"]; \"output\" must be text, got 5",
            "line 4: 3 input_ids and 2 labels, expected as many",
            "line 5: input_ids[1] must be >= 0, got -7",
            "line 6: labels[1] must be >= 0 or -100, got -1",
            "line 7: \"input_ids\" is empty",
            "line 8: input_ids[1] must be a whole number, got 2.5",
            "line 9: \"input_ids\" must be a list of whole numbers, got \"1 2\"",
            "line 10: input_ids[1] must be a whole number, got 4294967296",
            "line 11: \"messages\" has no turn of the assistant to learn from",
            "line 12: \"messages\" must be a list of objects, got \"Hi\"",
            "line 13: messages[0] must be an object, got \"Hi\"",
            "line 14: messages[0]: \"content\" is missing; messages[0]: \"role\" must be human, gpt,"
                + " user, assistant, system or tool, got \"robot\"; messages[1]: \"role\" is"
                + " missing; messages[1]: \"content\" must be text, got 5",
            "line 15: \"conversations\" has no turn of the assistant to learn from",
            "line 16: \"output\" has half of a surrogate pair, which is no character",
            "line 18: the object is followed by more, expected the end of the line",
            "line 19: must be a JSON object");
  }

  @Test
  void namesTheKeysOfAFileOfSomethingElse() throws IOException {
    Path file = write("train.jsonl", "{\"question\": \"?\", \"answer\": \"7\"}\n");

    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": line 1 has the keys [question, answer]; expected records {\"instruction\":"
                + " ..., \"input\": ..., \"output\": ...}, {\"messages\": [{\"role\": ...,"
                + " \"content\": ...}]}, {\"conversations\": [{\"from\": ..., \"value\": ...}]},"
                + " {\"text\": ...} or {\"input_ids\": [...], \"labels\": [...]}");
  }

  /** What follows is lost, which must not look like a bad record among good ones. */
  @Test
  void failsWhereAListBreaksOff() throws IOException {
    Path file = write("train.json", "[{\"text\": \"a\"}, {\"text\": \"b\" \"c\"}, {\"text\": 5}]");

    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": record 2: not valid JSON at line 1, column 30: ");
  }

  @Test
  void readsCsv() throws IOException {
    Path file =
        write(
            "train.csv",
            """
            \uFEFFid,instruction,output,input
            1,2 + 3?,5,
            2,"Add, ""now"":","3

            4","1, 2"

            3,too few
            4,a,b,c,d
            """);

    assertThat(records(file))
        .containsExactly(
            new Alpaca("2 + 3?", "", "5"), new Alpaca("Add, \"now\":", "1, 2", "3\n\n4"));
    assertThat(problems(file))
        .containsExactly("line 7: 2 cells, expected 4", "line 8: 5 cells, expected 4");
    assertThat(records(write("text.CSV", "text\r\nOnce\r\n")))
        .containsExactly(new Text("Once", true, true));
  }

  @Test
  void namesTheColumnsOfATableOfSomethingElse() throws IOException {
    Path file = write("train.csv", "question,output\na,b\n");

    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": has the columns [question, output]; expected the columns instruction, input"
                + " (may be left out) and output, or text");
    assertThatThrownBy(() -> records(write("twice.csv", "text,text\na,b\n")))
        .hasMessageEndingWith("has a column twice: [text, text]");
    assertThatThrownBy(() -> records(write("none.csv", "")))
        .hasMessageContaining("none.csv: is empty; expected the columns instruction");
    assertThatThrownBy(() -> records(write("open.csv", "text\n\"a\n")))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("open.csv: is not CSV: ");
  }

  @Test
  void readsParquet() throws IOException {
    Path file = folder.resolve("train.parquet");
    MessageType schema =
        Types.buildMessage()
            .addFields(text("instruction"), text("output"), text("input"))
            .named("m");
    try (ParquetWriter<List<String>> writer =
        ParquetWriter.writeFile(
            schema,
            file.toFile(),
            (row, cells) -> {
              cells.write("instruction", row.get(0));
              if (!row.get(1).isEmpty()) {
                cells.write("output", row.get(1));
              }
            })) {
      writer.write(List.of("2 + 3?", "5"));
      writer.write(List.of("\u00e9?", ""));
    }

    assertThat(records(file)).containsExactly(new Alpaca("2 + 3?", "", "5"));
    assertThat(problems(file)).containsExactly("row 2: \"output\" is missing");
  }

  private static Type text(String name) {
    return Types.optional(PrimitiveTypeName.BINARY)
        .as(LogicalTypeAnnotation.stringType())
        .named(name);
  }

  @Test
  void rejectsWhatIsNoParquet() throws IOException {
    Path file = write("train.parquet", "PAR1 and no more than this");

    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": is not Parquet: ")
        .hasMessageEndingWith(
            "expected the columns instruction, input (may be left out) and output, or text");
  }

  @Test
  void readsATextInPieces() throws IOException {
    assertThat(records(write("short.txt", "\uFEFFOnce\n upon")))
        .containsExactly(new Text("Once\n upon", true, true));
    assertThat(records(write("empty.txt", ""))).isEmpty();

    String text = "Once upon a time\n".repeat(5_000) + "\n".repeat(70_000) + "x".repeat(1_100_000);
    List<TrainingRecord> pieces = records(write("long.txt", text));
    assertThat(pieces).hasSize(4);
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 4; i++) {
      Text piece = (Text) pieces.get(i);
      assertThat(piece.starts()).isEqualTo(i == 0);
      assertThat(piece.ends()).isEqualTo(i == 3);
      all.append(piece.text());
    }
    assertThat(all).hasToString(text);
    assertThat(((Text) pieces.get(0)).text()).hasSize((1 << 16) + 16).endsWith("a time\n");
    assertThat(((Text) pieces.get(1)).text()).startsWith("Once").endsWith("\n\n");
    assertThat(((Text) pieces.get(2)).text()).hasSize(1 << 20);
  }

  @Test
  void unpacksGzip() throws IOException {
    assertThat(records(packed("a.jsonl.gz", "{\"text\": \"Once\"}\n")))
        .containsExactly(new Text("Once", true, true));
    assertThat(records(packed("a.csv.gz", "text\nOnce\n")))
        .containsExactly(new Text("Once", true, true));
    assertThat(records(packed("a.txt.gz", "Once"))).containsExactly(new Text("Once", true, true));
  }

  @Test
  void rejectsGzipThatIsNot() throws IOException {
    assertThatThrownBy(() -> records(write("a.jsonl.gz", "{\"text\": \"Once\"}\n")))
        .isInstanceOf(FormatException.class)
        .hasMessage(folder.resolve("a.jsonl.gz") + ": is not gzip: Not in GZIP format");
    Path file = packed("b.txt.gz", "Once upon a time, there was a tiny model.");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 12));
    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": is not sound gzip: ");
  }

  /** 70 MiB of line breaks in 70 KiB. */
  @Test
  void stopsUnpackingWhatGrowsWithoutBound() throws IOException {
    Path file = folder.resolve("a.txt.gz");
    byte[] lineBreaks = "\n".repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
    try (GZIPOutputStream gzip = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < 70; i++) {
        gzip.write(lineBreaks);
      }
    }

    assertThatThrownBy(() -> records(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file + ": unpacks to more than 67108864 bytes, the most for a file of its size");
  }

  @Test
  void rejectsOtherFiles() throws IOException {
    assertThatThrownBy(() -> RecordFile.of(write("train.parquet.gz", "")))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            folder.resolve("train.parquet.gz")
                + ": training data is known by the end of its name; expected .json, .jsonl, .csv"
                + " or .txt, also with .gz behind it, or .parquet");
    assertThatThrownBy(() -> RecordFile.of(folder.resolve("none.json")))
        .hasMessage(folder.resolve("none.json") + ": no such file");
    assertThatThrownBy(() -> RecordFile.of(folder))
        .hasMessage(folder + ": is a folder, expected a file");
    Files.write(folder.resolve("latin.txt"), new byte[] {'a', (byte) 0xE9, 'b'});
    assertThatThrownBy(() -> records(folder.resolve("latin.txt")))
        .isInstanceOf(FormatException.class)
        .hasMessage(folder.resolve("latin.txt") + ": is not UTF-8 text");
    Files.write(folder.resolve("latin.csv"), new byte[] {'t', 'e', 'x', 't', '\n', (byte) 0xE9});
    assertThatThrownBy(() -> records(folder.resolve("latin.csv")))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("latin.csv: is not UTF-8 text; expected the columns");
  }

  private static List<ReadRecord> read(Path file) throws IOException {
    List<ReadRecord> all = new ArrayList<>();
    try (RecordReader reader = RecordFile.of(file).open()) {
      for (Optional<ReadRecord> next = reader.next(); next.isPresent(); next = reader.next()) {
        all.add(next.get());
      }
      assertThat(reader.next()).isEmpty();
    }
    return all;
  }

  private static List<TrainingRecord> records(Path file) throws IOException {
    return read(file).stream().flatMap(record -> record.record().stream()).toList();
  }

  private static List<String> problems(Path file) throws IOException {
    return read(file).stream()
        .filter(record -> !record.problems().isEmpty())
        .map(record -> record.where() + ": " + String.join("; ", record.problems()))
        .toList();
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private Path packed(String name, String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return Files.write(folder.resolve(name), bytes.toByteArray());
  }
}
