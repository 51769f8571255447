package org.llmadapters.training.sample;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleFilesTest {
  /** Tests run in the module's folder. */
  private static final Path SAMPLES = Path.of("../samples");

  private static final List<String> FILES =
      List.of(
          "tiny-llama/config.json",
          "tiny-llama/special_tokens_map.json",
          "tiny-llama/tokenizer.json",
          "tiny-llama/tokenizer_config.json",
          "word-problems/onestep-test.json",
          "word-problems/test.json",
          "word-problems/train.json");

  @TempDir private Path directory;

  @Test
  void theFilesThatComeWithTheProjectAreTheseByteForByte() throws IOException {
    SampleFiles.write(directory, SampleFiles.SEED);
    for (String file : FILES) {
      assertThat(SAMPLES.resolve(file)).hasSameBinaryContentAs(directory.resolve(file));
    }
  }

  @Test
  void writesTheseFilesAndLeavesNoOthers() throws IOException {
    SampleFiles.write(directory, 7);
    SampleFiles.write(directory, 7);
    try (Stream<Path> files = Files.walk(directory)) {
      assertThat(
              files
                  .filter(Files::isRegularFile)
                  .map(file -> directory.relativize(file).toString().replace('\\', '/')))
          .containsExactlyInAnyOrderElementsOf(FILES);
    }
  }

  @Test
  void problemsAreAlpacaRecords() throws IOException {
    SampleFiles.write(directory, 7);
    JsonNode train = read("word-problems/train.json");
    assertThat(train).hasSize(2_000);
    assertThat(read("word-problems/test.json")).hasSize(200);
    assertThat(read("word-problems/onestep-test.json")).hasSize(100);
    Problem first = new WordProblems(7).twoStepTraining(1).get(0);
    assertThat(train.get(0))
        .isEqualTo(
            new ObjectMapper()
                .createObjectNode()
                .put("instruction", first.instruction())
                .put("input", "")
                .put("output", first.output())
                .put("answer", first.answer()));
  }

  @Test
  void theModelHasRoomForEveryToken() throws IOException {
    SampleFiles.write(directory, 7);
    JsonNode config = read("tiny-llama/config.json");
    int tokens = 3 + 256 + read("tiny-llama/tokenizer.json").at("/model/merges").size();
    assertThat(tokens).isEqualTo(new SampleTokenizer().vocabSize());
    assertThat(read("tiny-llama/tokenizer.json").at("/model/vocab")).hasSize(tokens);
    assertThat(config.get("vocab_size").intValue() % 64).isZero();
    assertThat(config.get("vocab_size").intValue()).isBetween(tokens, tokens + 63);
  }

  private JsonNode read(String file) throws IOException {
    return new ObjectMapper().readTree(directory.resolve(file).toFile());
  }
}
