package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.records.RecordFile;

final class EncodedExamplesTest {

  private static final int BOS = 1;
  private static final int EOS = 2;

  /** A character a token. */
  private static final Encoder CHARACTERS =
      (text, special) ->
          IntStream.concat(special ? IntStream.of(BOS) : IntStream.empty(), text.chars()).toArray();

  private static final int PROMPT = 1 + PromptTemplate.ALPACA.prompt("Add", "").length();

  @TempDir private Path folder;

  @Test
  void cutsExamplesAndCountsWhatIsLost() throws IOException {
    Path file =
        write(
            "train.jsonl",
            """
            {"instruction": "Add", "output": "56"}
            {"instruction": "Add", "output": "567"}
            {"instruction": "Add all", "output": "567"}
            {"input_ids": [1, 5], "labels": [1, -100]}
            """);

    EncodedExamples encoded = read(file, PROMPT + 2, false);

    assertThat(encoded.examples()).hasSize(2);
    assertThat(encoded.examples().get(1).inputIds()).hasSize(PROMPT + 2).endsWith('5', '6');
    assertThat(encoded.truncated()).isEqualTo(2);
    assertThat(encoded.dropped()).isEqualTo(2);
    assertThat(encoded.longest()).isEqualTo(PROMPT + 2);
  }

  @Test
  void cutsATextIntoBlocks() throws IOException {
    assertThat(read(write("a.txt", "abcdefg"), 4, false).examples())
        .containsExactly(block(BOS, 'a', 'b', 'c'), block('d', 'e', 'f', 'g'));
    assertThat(read(write("b.txt", "abcdefgh"), 4, false).examples())
        .containsExactly(block(BOS, 'a', 'b', 'c'), block('d', 'e', 'f', 'g'), block('h', EOS));
  }

  @Test
  void cutsEachTextOfAFileIntoBlocksOfItsOwn() throws IOException {
    Path file = write("train.jsonl", "{\"text\": \"abcd\"}\n{\"text\": \"ef\"}\n");

    assertThat(read(file, 4, false).examples())
        .containsExactly(block(BOS, 'a', 'b', 'c'), block('d', EOS), block(BOS, 'e', 'f', EOS));
  }

  /** Blocks go on across the pieces that a text is read in. */
  @Test
  void cutsALongTextAsOne() throws IOException {
    String text =
        IntStream.range(0, 40_000)
            .mapToObj(i -> (i % 7 == 0 ? " " : "") + i)
            .collect(Collectors.joining("\n"));

    EncodedExamples encoded = read(write("long.txt", text), 100, false);

    assertThat(text.length()).isGreaterThan(3 << 16);
    int[] tokens =
        encoded.examples().stream().flatMapToInt(e -> IntStream.of(e.inputIds())).toArray();
    assertThat(tokens)
        .isEqualTo(
            IntStream.concat(IntStream.concat(IntStream.of(BOS), text.chars()), IntStream.of(EOS))
                .toArray());
    assertThat(encoded.examples().subList(0, encoded.examples().size() - 1))
        .allSatisfy(example -> assertThat(example.length()).isEqualTo(100));
  }

  @Test
  void listsBadRecordsOfAllKinds() throws IOException {
    Path file = write("train.jsonl", BAD);

    assertThatThrownBy(() -> read(file, 256, false))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            file
                + ": 3 bad records\n"
                + "  line 2: \"output\" is missing\n"
                + "  line 3: input_ids[1] = 200 is outside the model's vocabulary, expected 0 to"
                + " 199\n"
                + "  line 5: no conversations here\n"
                + "Expected records {\"instruction\":")
        .hasMessageEndingWith(". Leave bad ones out with --skip-bad-records");
  }

  @Test
  void leavesBadRecordsOutIfAsked() throws IOException {
    EncodedExamples encoded = read(write("train.jsonl", BAD), 256, true);

    assertThat(encoded.examples()).containsExactly(block(1, 5, 2), block(1, 6, 2));
    assertThat(encoded.dropped()).isZero();
  }

  @Test
  void listsTwentyBadRecordsAndCountsTheRest() throws IOException {
    Path file =
        write("train.jsonl", "{\"input_ids\": [1, 5, 2]}\n" + "{\"text\": 5}\n".repeat(600));

    assertThatThrownBy(() -> read(file, 256, false))
        .hasMessageContaining(": 600 bad records\n  line 2: \"text\" must be text, got 5\n")
        .hasMessageContaining("\n  line 21: \"text\" must be text, got 5\n  ... and 580 more\n");
  }

  @Test
  void rejectsAFileWithoutATokenToPredict() throws IOException {
    Path file = write("train.jsonl", "{\"instruction\": \"Add\", \"output\": \"5\"}\n".repeat(2));

    assertThatThrownBy(() -> read(file, PROMPT, false))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": none of 2 records has a token to predict within cutoff_len "
                + PROMPT
                + "; raise it, or set train_on_inputs");
    assertThatThrownBy(() -> read(write("none.json", "[]"), 256, false))
        .hasMessageStartingWith(folder.resolve("none.json") + ": holds no records; expected ");
  }

  private static final String BAD =
      """
      {"input_ids": [1, 5, 2]}
      {"instruction": "Add"}
      {"input_ids": [1, 200]}
      {"input_ids": [1, 6, 2]}
      {"messages": [{"role": "assistant", "content": "Hi"}]}
      """;

  private static EncodedExamples read(Path file, int cutoffLen, boolean skipBadRecords)
      throws IOException {
    ExampleEncoder encoder =
        new ExampleEncoder(
            CHARACTERS,
            messages -> {
              throw new IllegalArgumentException("no conversations here");
            },
            EOS,
            200,
            PromptTemplate.ALPACA,
            cutoffLen,
            false);
    return EncodedExamples.read(RecordFile.of(file), encoder, skipBadRecords);
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static Example block(int... ids) {
    return new Example(ids, ids);
  }
}
