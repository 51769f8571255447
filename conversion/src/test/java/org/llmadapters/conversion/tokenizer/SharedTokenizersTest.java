package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Against ids that SentencePiece and tokenizers computed with LLaMA's vocabulary. Run by name, with
 * {@code -Dllmadapters.shared=DIR -DexcludedGroups= -Dgroups=shared}.
 */
@Tag("shared")
final class SharedTokenizersTest {
  @TempDir Path directory;

  private static Path shared(String name) {
    return Path.of(Objects.requireNonNull(System.getProperty("llmadapters.shared"))).resolve(name);
  }

  @ParameterizedTest
  @CsvSource({
    "tokenizer.model, tokenizer.model, llama_sentencepiece",
    "tokenizer.derived.json, tokenizer.json, llama_tokenizer_json"
  })
  void givesTheGoldenIdsAndTheTextBack(String source, String name, String column)
      throws IOException {
    Files.copy(shared("tokenizers/llama").resolve(source), directory.resolve(name));
    JsonNode golden =
        new ObjectMapper().readTree(shared("tokenizers/golden_token_ids.json").toFile());
    int cases = 0;
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.vocabSize()).isEqualTo(32000);
      for (JsonNode example : golden.get("cases")) {
        String text = example.get("text").textValue();
        int[] expected =
            StreamSupport.stream(example.get(column).spliterator(), false)
                .mapToInt(JsonNode::intValue)
                .toArray();
        assertThat(tokenizer.encode(text, false)).as("%s", text).containsExactly(expected);
        assertThat(tokenizer.decode(expected, false)).isEqualTo(text);
        assertThat(tokenizer.encode(text, true))
            .containsExactly(IntStream.concat(IntStream.of(1), IntStream.of(expected)).toArray());
        cases++;
      }
    }
    assertThat(cases).isEqualTo(32);
  }

  /** What a text begins with, the size of the vocabulary, and a token that is written out. */
  @ParameterizedTest
  @CsvSource({
    "gpt2, encoder.json, vocab.bpe, gpt2_bytelevel_bpe, -1, 50257",
    "gptj, vocab.json, merges.txt, gptj_tokenizer_json, -1, 50400",
    "opt, vocab.json, merges.txt, opt_bytelevel_bpe, 2, 50265"
  })
  void readsPiecesAndMerges(
      String folder, String vocab, String merges, String column, int first, int vocabSize)
      throws IOException {
    Path source = shared("tokenizers").resolve(folder);
    Files.copy(source.resolve(vocab), directory.resolve("vocab.json"));
    Files.copy(source.resolve(merges), directory.resolve("merges.txt"));
    for (String name :
        new String[] {"added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"}) {
      if (Files.exists(source.resolve(name))) {
        Files.copy(source.resolve(name), directory.resolve(name));
      }
    }
    checkGolden(column, first, vocabSize);
  }

  @Test
  void readsTheTokenizerJsonOfGptJ() throws IOException {
    Path source = shared("tokenizers/gptj");
    for (String name : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      Files.copy(source.resolve(name), directory.resolve(name));
    }
    checkGolden("gptj_tokenizer_json", -1, 50400);
  }

  private void checkGolden(String column, int first, int vocabSize) throws IOException {
    JsonNode golden =
        new ObjectMapper().readTree(shared("tokenizers/golden_token_ids.json").toFile());
    IntStream before = first < 0 ? IntStream.empty() : IntStream.of(first);
    int[] beginning = before.toArray();
    int cases = 0;
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.vocabSize()).isEqualTo(vocabSize);
      for (JsonNode example : golden.get("cases")) {
        String text = example.get("text").textValue();
        int[] expected =
            StreamSupport.stream(example.get(column).spliterator(), false)
                .mapToInt(JsonNode::intValue)
                .toArray();
        assertThat(tokenizer.encode(text, false)).as("%s", text).containsExactly(expected);
        assertThat(tokenizer.decode(expected, false)).isEqualTo(text);
        assertThat(tokenizer.encode(text, true))
            .containsExactly(
                IntStream.concat(IntStream.of(beginning), IntStream.of(expected)).toArray());
        cases++;
      }
    }
    assertThat(cases).isEqualTo(32);
  }

  @Test
  void bothBackendsDecodeEveryIdAlike() throws IOException {
    Path model = Files.createDirectory(directory.resolve("model"));
    Path json = Files.createDirectory(directory.resolve("json"));
    Files.copy(shared("tokenizers/llama/tokenizer.model"), model.resolve("tokenizer.model"));
    Files.copy(shared("tokenizers/llama/tokenizer.derived.json"), json.resolve("tokenizer.json"));
    try (Tokenizer first = Tokenizers.load(model).orElseThrow();
        Tokenizer second = Tokenizers.load(json).orElseThrow()) {
      for (int id = 0; id < 32000; id++) {
        int[] ids = {15043, id, id, 3186};
        assertThat(first.decode(ids, true)).as("id %d", id).isEqualTo(second.decode(ids, true));
        assertThat(first.decode(ids, false)).as("id %d", id).isEqualTo(second.decode(ids, false));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"stories260K", "babyllama-tok105"})
  void loadsTheTokenizersOfSmallCheckpoints(String name) throws IOException {
    try (Tokenizer tokenizer =
        Tokenizers.load(shared("checkpoints").resolve(name).resolve("hf")).orElseThrow()) {
      String text = "Once upon a time, there was a little girl. She liked 3 cats.";
      int[] ids = tokenizer.encode(text, true);
      assertThat(ids[0]).isEqualTo(1).isEqualTo(tokenizer.bosId().orElseThrow());
      assertThat(tokenizer.decode(ids, true)).isEqualTo(text);
    }
  }
}
