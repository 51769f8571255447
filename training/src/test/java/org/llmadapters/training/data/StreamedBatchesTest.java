package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.data.StreamedBatches.Streaming;
import org.llmadapters.training.records.RecordFile;

final class StreamedBatchesTest {

  private static final OptionalDouble NONE = OptionalDouble.empty();

  @TempDir private Path folder;

  @Test
  void readsFilesOneAfterTheOtherAgainAndAgain() throws IOException {
    try (StreamedBatches batches = open(1, 0, false, file("a", 10, 3), file("b", 20, 2))) {
      assertThat(ids(batches, 0, 4)).containsExactly(10, 11, 12, 20, 21, 10, 11, 12);
      assertThat(batches.epochs(4)).isEqualTo(1);
      assertThat(ids(batches, 4, 2)).containsExactly(20, 21, 10, 11);
      assertThat(batches.epochs(6)).isEqualTo(2);
    }
  }

  /** 300 records, so that they are read and encoded in two goes. */
  @Test
  void drawsFromABufferOfWhatWasReadLast() throws IOException {
    try (StreamedBatches batches = open(20, 0, true, file("a", 10, 300))) {
      List<Integer> drawn = ids(batches, 0, 140);

      assertThat(drawn).doesNotHaveDuplicates().isNotEqualTo(drawn.stream().sorted().toList());
      for (int i = 0; i < drawn.size(); i++) {
        assertThat(drawn.get(i)).isBetween(10, 10 + i + 20);
      }
      assertThat(drawn).containsAll(IntStream.range(10, 100).boxed().toList());
    }
  }

  @Test
  void anotherSeedGivesAnotherOrder() throws IOException {
    Path file = file("a", 10, 50);
    try (StreamedBatches first = open(20, 0, true, file);
        StreamedBatches same = open(20, 0, true, file);
        StreamedBatches other = stream(List.of(file), List.of(NONE), 20, 0, config(true, 8))) {
      List<Integer> drawn = ids(first, 0, 10);
      assertThat(ids(same, 0, 10)).isEqualTo(drawn);
      assertThat(ids(other, 0, 10)).isNotEqualTo(drawn);
    }
  }

  @Test
  void givesABatchByItsNumberAlone() throws IOException {
    Path[] files = {file("a", 10, 7), file("b", 50, 9)};
    try (StreamedBatches inOrder = open(5, 0, true, files);
        StreamedBatches resumed = open(5, 0, true, files)) {
      List<List<Integer>> expected = new ArrayList<>();
      for (int position = 0; position < 30; position++) {
        expected.add(ids(inOrder, position, 1));
      }
      for (int position : new int[] {17, 18, 29, 3, 3, 0}) {
        assertThat(ids(resumed, position, 1)).isEqualTo(expected.get(position));
      }
    }
  }

  @Test
  void readsEachFileByItsShare() throws IOException {
    try (StreamedBatches batches =
        stream(
            List.of(file("a", 10, 5), file("b", 50, 40)),
            List.of(OptionalDouble.of(3), OptionalDouble.of(1)),
            1,
            0,
            config(false, 7))) {
      assertThat(ids(batches, 0, 4)).containsExactly(10, 11, 12, 50, 13, 14, 10, 51);
      assertThat(ids(batches, 4, 40)).filteredOn(id -> id >= 50).hasSize(20);
    }
  }

  @Test
  void setsTheFirstExamplesAside() throws IOException {
    try (StreamedBatches batches = open(1, 2, false, file("a", 10, 5), file("b", 20, 1))) {
      assertThat(batches.validation().stream().map(example -> example.inputIds()[1]))
          .containsExactly(10, 11);
      assertThat(ids(batches, 0, 4)).containsExactly(12, 13, 14, 20, 12, 13, 14, 20);
    }
  }

  @Test
  void padsToTheBucketOfTheLongestRow() throws IOException {
    Path file = folder.resolve("a.jsonl");
    Files.writeString(file, "{\"input_ids\": [1, 5, 2]}\n{\"input_ids\": [1, 5, 6, 7, 2]}\n");
    try (StreamedBatches batches = open(1, 0, false, file)) {
      Batch batch = batches.at(0);

      assertThat(batch.inputIds())
          .isDeepEqualTo(new int[][] {{1, 5, 2, 0, 0, 0, 0, 0}, {1, 5, 6, 7, 2, 0, 0, 0}});
      assertThat(batch.labels()[0]).containsExactly(-100, 5, 2, -100, -100, -100, -100, -100);
    }
  }

  @Test
  void failsAtABadRecord() throws IOException {
    Path file = file("a", 10, 300);
    Files.writeString(file, Files.readString(file) + "nonsense\n");
    try (StreamedBatches batches = open(1, 0, false, file)) {
      assertThat(ids(batches, 0, 2)).containsExactly(10, 11, 12, 13);
      assertThatThrownBy(() -> batches.at(149))
          .isInstanceOf(FormatException.class)
          .hasMessageStartingWith(file + ": 1 bad record\n  line 301: not valid JSON");
    }
  }

  @Test
  void rejectsWhatLeavesNothingToTrainOn() throws IOException {
    Path file = file("a", 10, 3);
    try (StreamedBatches batches = open(1, 3, false, file)) {
      assertThatThrownBy(() -> batches.at(0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("val_set_size must be less than the 3 examples of the first file, got 3");
    }
    Path empty = Files.writeString(folder.resolve("empty.jsonl"), "");
    try (StreamedBatches batches = open(1, 0, false, empty)) {
      assertThatThrownBy(() -> batches.at(0))
          .isInstanceOf(FormatException.class)
          .hasMessageStartingWith(empty + ": holds no records; expected ");
    }
    assertThatThrownBy(
            () ->
                stream(
                    List.of(file, empty),
                    List.of(NONE, OptionalDouble.of(1)),
                    1,
                    0,
                    config(false, 7)))
        .hasMessage("streamed files must all have a weight or none, got one for 1 of 2");
  }

  private static StreamedBatches open(
      int shuffleBuffer, int valSetSize, boolean shuffle, Path... files) throws IOException {
    List<OptionalDouble> weights = Arrays.stream(files).map(file -> NONE).toList();
    return stream(List.of(files), weights, shuffleBuffer, valSetSize, config(shuffle, 7));
  }

  private static BatchConfig config(boolean shuffle, long seed) {
    return new BatchConfig(2, Arrangement.IN_ORDER, new Buckets(List.of(3, 8)), 0, shuffle, seed);
  }

  private static StreamedBatches stream(
      List<Path> files,
      List<OptionalDouble> weights,
      int shuffleBuffer,
      int valSetSize,
      BatchConfig config)
      throws IOException {
    ExampleEncoder encoder =
        new ExampleEncoder(
            (text, special) -> text.chars().toArray(),
            messages -> {
              throw new IllegalArgumentException("no conversations here");
            },
            2,
            1000,
            PromptTemplate.ALPACA,
            8,
            false);
    return new StreamedBatches(
        files.stream().map(RecordFile::of).toList(),
        weights,
        encoder,
        new Streaming(shuffleBuffer, valSetSize, false),
        config);
  }

  /** Examples that are told by their second id: {@code first} and so on. */
  private Path file(String name, int first, int count) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      lines.append("{\"input_ids\": [1, ").append(first + i).append(", 2]}\n");
    }
    return Files.writeString(folder.resolve(name + ".jsonl"), lines);
  }

  /** The second ids of the rows of {@code count} batches. */
  private static List<Integer> ids(BatchSource batches, long position, int count)
      throws IOException {
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      for (int[] row : batches.at(position + i).inputIds()) {
        ids.add(row[1]);
      }
    }
    return ids;
  }
}
