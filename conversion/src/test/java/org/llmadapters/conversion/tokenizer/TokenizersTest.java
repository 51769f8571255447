package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.graph.FormatException;

final class TokenizersTest {
  private static final int SPACE = 259;
  private static final int A = 260;
  private static final int B = 261;
  private static final int SPACE_A = 263;
  private static final int SPACE_AB = 265;
  private static final int LA = 266;

  @TempDir Path directory;

  /** Both backends must agree. */
  private enum Backend {
    JSON,
    SENTENCE_PIECE;

    Tokenizer load(Path directory) throws IOException {
      if (this == JSON) {
        TinyTokenizers.writeJson(directory);
      } else {
        TinyTokenizers.writeModel(directory);
      }
      return Tokenizers.load(directory).orElseThrow();
    }
  }

  private void config(String text) throws IOException {
    Files.writeString(directory.resolve("tokenizer_config.json"), text);
  }

  private Tokenizer sentencePiece() throws IOException {
    return Backend.SENTENCE_PIECE.load(directory);
  }

  @Test
  void findsNothingInAnEmptyDirectory() throws IOException {
    assertThat(Tokenizers.load(directory)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void encodesWithoutTruncationAndPadding(Backend backend) throws IOException {
    try (Tokenizer tokenizer = backend.load(directory)) {
      assertThat(tokenizer.encode("ab la", false)).containsExactly(SPACE_AB, SPACE, LA);
      assertThat(tokenizer.encode("ab", true)).containsExactly(1, SPACE_AB);
      assertThat(tokenizer.encode("", false)).isEmpty();
      assertThat(tokenizer.encode("", true)).containsExactly(1);
      assertThat(tokenizer.encode("  a", false)).containsExactly(SPACE, SPACE, SPACE_A);
      assertThat(tokenizer.vocabSize()).isEqualTo(267);
    }
  }

  @ParameterizedTest
  @EnumSource
  void fallsBackToBytes(Backend backend) throws IOException {
    try (Tokenizer tokenizer = backend.load(directory)) {
      int[] ids = tokenizer.encode("a\u00e9\ud83d\ude00\n\u0000", false);
      assertThat(ids)
          .containsExactly(
              SPACE_A, 3 + 0xc3, 3 + 0xa9, 3 + 0xf0, 3 + 0x9f, 3 + 0x98, 3 + 0x80, 3 + 10, 3);
      assertThat(tokenizer.decode(ids, false)).isEqualTo("a\u00e9\ud83d\ude00\n\u0000");
      assertThat(tokenizer.decode(new int[] {3 + 0xc3, A}, false)).isEqualTo("\ufffda");
      assertThat(tokenizer.encode("\ud800", false)).containsExactly(SPACE, 3 + '?');
    }
  }

  @ParameterizedTest
  @EnumSource
  void decodesWhatItEncodes(Backend backend) throws IOException {
    try (Tokenizer tokenizer = backend.load(directory)) {
      for (String text : new String[] {"", "ab la", " ab", "  ", "b\u4f60 a\r\n", "\u2581a"}) {
        assertThat(tokenizer.decode(tokenizer.encode(text, true), true))
            .isEqualTo(text.replace('\u2581', ' '));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void decodesSpecialTokensUnlessTheyAreSkipped(Backend backend) throws IOException {
    try (Tokenizer tokenizer = backend.load(directory)) {
      int[] ids = {1, SPACE_AB, 2, 0};
      assertThat(tokenizer.decode(ids, false)).isEqualTo("<s> ab</s><unk>");
      assertThat(tokenizer.decode(ids, true)).isEqualTo("ab");
      assertThat(tokenizer.decode(new int[] {SPACE_AB, 267, 100000}, true)).isEqualTo("ab");
      assertThatThrownBy(() -> tokenizer.decode(new int[] {-1}, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("token ids must not be negative, got -1");
    }
  }

  @ParameterizedTest
  @EnumSource
  void takesSpecialTokensFromTheConfiguration(Backend backend) throws IOException {
    config(
        """
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": false, "add_eos_token": true,
         "bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>"}}
        """);
    try (Tokenizer tokenizer = backend.load(directory)) {
      assertThat(tokenizer.bosId()).hasValue(1);
      assertThat(tokenizer.eosId()).hasValue(2);
      assertThat(tokenizer.encode("ab", true)).containsExactly(SPACE_AB, 2);
      assertThat(tokenizer.encode("ab", false)).containsExactly(SPACE_AB);
      assertThat(tokenizer.encode("ab</s>", false)).containsExactly(SPACE_AB, 2);
    }
  }

  @Test
  void aTokenizerJsonWithoutConfigurationDoesNotNameSpecialTokens() throws IOException {
    try (Tokenizer tokenizer = Backend.JSON.load(directory)) {
      assertThat(tokenizer.bosId()).isEmpty();
      assertThat(tokenizer.eosId()).isEmpty();
    }
  }

  @Test
  void aModelWithoutConfigurationTakesSpecialTokensAsText() throws IOException {
    try (Tokenizer tokenizer = sentencePiece()) {
      assertThat(tokenizer.bosId()).hasValue(1);
      assertThat(tokenizer.eosId()).hasValue(2);
      assertThat(tokenizer.encode("</s>", false)).doesNotContain(2).hasSize(5);
    }
  }

  @Test
  void splitsOnAddedTokensWithASpaceBeforeEachPiece() throws IOException {
    config(
        """
        {"added_tokens_decoder": {
          "2": {"content": "</s>", "special": true},
          "300": {"content": "[ab]"},
          "301": {"content": "[ab]x", "lstrip": true, "rstrip": true}}}
        """);
    try (Tokenizer tokenizer = sentencePiece()) {
      assertThat(tokenizer.encode("a</s>a[ab]", false)).containsExactly(SPACE_A, 2, SPACE_A, 300);
      assertThat(tokenizer.encode("a [ab]x a", false)).containsExactly(SPACE_A, 301, SPACE_A);
      assertThat(tokenizer.decode(new int[] {SPACE_A, 2, 300, SPACE_A}, true)).isEqualTo("a[ab] a");
      assertThat(tokenizer.vocabSize()).isEqualTo(302);
    }
  }

  @Test
  void notLegacyPutsASpaceBeforeTheTextOnly() throws IOException {
    config(
        """
        {"legacy": false, "added_tokens_decoder": {
          "2": {"content": "</s>", "special": true}, "300": {"content": "[ab]"}}}
        """);
    try (Tokenizer tokenizer = sentencePiece()) {
      assertThat(tokenizer.encode("a</s>a", false)).containsExactly(SPACE_A, 2, A);
      assertThat(tokenizer.encode("</s>b", false)).containsExactly(2, B);
      assertThat(tokenizer.encode("[ab]b", false)).containsExactly(SPACE, 300, B);
      assertThat(tokenizer.encode(" a", false)).containsExactly(SPACE, SPACE_A);
      assertThat(tokenizer.encode("", false)).isEmpty();
    }
  }

  @Test
  void readsTheOlderFilesOfAddedTokens() throws IOException {
    Files.writeString(directory.resolve("added_tokens.json"), "{\"[PAD]\": 267}");
    Files.writeString(
        directory.resolve("special_tokens_map.json"),
        "{\"pad_token\": \"[PAD]\", \"eos_token\": \"</s>\", \"mask_token\": \"[MASK]\"}");
    try (Tokenizer tokenizer = sentencePiece()) {
      assertThat(tokenizer.encode("ab[PAD]</s>", false)).containsExactly(SPACE_AB, 267, 2);
      assertThat(tokenizer.decode(new int[] {SPACE_AB, 267}, true)).isEqualTo("ab");
      assertThat(tokenizer.decode(new int[] {SPACE_AB, 267}, false)).isEqualTo("ab[PAD]");
      assertThat(tokenizer.vocabSize()).isEqualTo(268);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"add_bos_token\": 1 | add_bos_token must be true or false, got 1",
        "\"bos_token\": {\"text\": \"x\"} | bos_token.content is missing",
        "\"added_tokens_decoder\": {\"-1\": {\"content\": \"x\"}} | the id of \"x\" must be between"
            + " 0 and 16777216, got -1",
        "\"added_tokens_decoder\": {\"3\": \"x\"} | added_tokens_decoder.3 must be an object",
        "\"added_tokens_decoder\": {\"3\": {\"content\": \"x\", \"single_word\": true}} |"
            + " added_tokens_decoder.3.single_word must be false, true is not supported",
        "\"add_prefix_space\": false | add_prefix_space must be true with tokenizer.model, got"
            + " false",
      })
  void refusesABadConfiguration(String field, String problem) throws IOException {
    config("{" + field + "}");
    assertThatThrownBy(this::sentencePiece)
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(directory.resolve("tokenizer_config.json") + ": ")
        .hasMessageContaining(problem);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | is not a tokenizer: ",
        "[] | must hold a JSON object, got []",
        "{\"model\": | is not JSON at line 1, column 10",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}} | is not a"
            + " tokenizer: a token has the id -1",
        "{\"model\": {\"type\": \"Other\", \"vocab\": {\"a\": 0}}} | is not a tokenizer: ",
      })
  void refusesABadTokenizerJson(String text, String problem) throws IOException {
    Path file = Files.writeString(directory.resolve("tokenizer.json"), text);
    assertThatThrownBy(() -> Tokenizers.load(directory))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": " + problem);
  }

  @Test
  void refusesATemplateWhoseTokenIsNotListed() throws IOException {
    Path file = TinyTokenizers.writeJson(directory);
    String text = Files.readString(file);
    String damaged = text.replaceFirst("<s>(?=\",\\s*\"type_id\")", "<t>");
    Files.writeString(file, damaged);
    assertThatThrownBy(() -> Tokenizers.load(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": is not a tokenizer: post_processor.single uses the token \"<t>\", which"
                + " special_tokens lacks");
  }

  @Test
  void refusesABadModel() throws IOException {
    Path file = directory.resolve("tokenizer.model");
    for (String text :
        new String[] {"", "version https://git-lfs.github.com/spec/v1", "\n\u0003"}) {
      Files.write(file, text.getBytes(StandardCharsets.UTF_8));
      assertThatThrownBy(() -> Tokenizers.load(directory))
          .isInstanceOf(FormatException.class)
          .hasMessageStartingWith(file + ": is not a SentencePiece model: ");
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedTokenizerIsReadOrRefusedAndNothingElse(Backend backend) throws IOException {
    backend.load(directory).close();
    Path file = directory.resolve(backend == Backend.JSON ? "tokenizer.json" : "tokenizer.model");
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(13);
    int refused = 0;
    for (int i = 0; i < 600; i++) {
      byte[] damaged = i % 4 == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
      if (i % 4 != 0) {
        damaged[random.nextInt(good.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(file, damaged);
      try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
        tokenizer.decode(tokenizer.encode("ab \u00e9", true), false);
      } catch (FormatException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(150, 599);
  }

  @ParameterizedTest
  @EnumSource
  void namesThePaddingTokenWhereAFileDoes(Backend backend) throws IOException {
    try (Tokenizer tokenizer = backend.load(directory)) {
      assertThat(tokenizer.padId()).isEmpty();
    }
    config("{\"pad_token\": \"</s>\"}");
    try (Tokenizer tokenizer = backend.load(directory)) {
      assertThat(tokenizer.padId()).hasValue(2);
    }
    config("{\"pad_token\": \"[PAD]\"}");
    try (Tokenizer tokenizer = backend.load(directory)) {
      assertThat(tokenizer.padId()).isEmpty();
    }
  }

  /** Hidden where a reader that looks at numbers of fields alone takes a number for a length. */
  @Test
  void refusesACharacterMapWhereverItStands() throws IOException {
    Path file = TinyTokenizers.writeModel(directory);
    byte[] good = Files.readAllBytes(file);
    byte[] bad = {0x18, 0x05, 0x1a, 0x03, 0x12, 0x01, 'x'};
    byte[] both = Arrays.copyOf(good, good.length + bad.length);
    System.arraycopy(bad, 0, both, good.length, bad.length);
    Files.write(file, both);
    assertThatThrownBy(() -> Tokenizers.load(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": is not a SentencePiece model: precompiled_charsmap: it has 1 bytes, expected 4"
                + " to 4194304");
  }
}
