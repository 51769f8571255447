package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.graph.FormatException;

/** A vocabulary of eight pieces: {@code \u0120} is a space. */
final class BytePairFilesTest {
  private static final String VOCAB =
      "{\"a\":0,\"b\":1,\"\u0120\":2,\"ab\":3,\"\u0120a\":4,\"\u0120ab\":5,"
          + "\"<|endoftext|>\":6,\"c\":7}";
  private static final String MERGES = "#version: 0.2\na b\n\u0120 a\n\u0120a b\n";

  @TempDir Path directory;

  @BeforeEach
  void writeFiles() throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", MERGES);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  private int[] encode(String text, boolean addSpecialTokens) throws IOException {
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      return tokenizer.encode(text, addSpecialTokens);
    }
  }

  /** The pairs are joined in the order of the merges: "ab" first, so that " ab" is never made. */
  @Test
  void joinsPiecesInTheOrderOfTheMerges() throws IOException {
    assertThat(encode("ab", true)).containsExactly(3);
    assertThat(encode("aab c", true)).containsExactly(0, 3, 2, 7);
    assertThat(encode(" ab", true)).containsExactly(2, 3);
    assertThat(encode(" a b", true)).containsExactly(4, 2, 1);
  }

  @Test
  void anEmptyFileOfMergesLeavesSinglePieces() throws IOException {
    write("merges.txt", "");
    assertThat(encode("ab", true)).containsExactly(0, 1);
  }

  /** The first line is passed over only if it is the version. */
  @Test
  void aFileWithoutVersionKeepsItsFirstMerge() throws IOException {
    write("merges.txt", "a b");
    assertThat(encode("ab", true)).containsExactly(3);
  }

  @Test
  void endOfTextIsItsEndButNotFoundInATextUnlessItIsListed() throws IOException {
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.bosId()).hasValue(6);
      assertThat(tokenizer.eosId()).hasValue(6);
      assertThat(tokenizer.vocabSize()).isEqualTo(8);
      assertThat(tokenizer.decode(new int[] {3, 5, 6}, true)).isEqualTo("ab ab");
      assertThat(tokenizer.decode(new int[] {3, 6}, false)).isEqualTo("ab<|endoftext|>");
    }
    assertThat(encode("c<|endoftext|>", true)).doesNotContain(6);
    write("special_tokens_map.json", "{\"eos_token\":\"<|endoftext|>\"}");
    assertThat(encode("c<|endoftext|>a", true)).containsExactly(7, 6, 0);
  }

  @Test
  void addsTokensBehindTheVocabulary() throws IOException {
    write("added_tokens.json", "{\"<y>\":9,\"<x>\":8}");
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.vocabSize()).isEqualTo(10);
      assertThat(tokenizer.encode("a<y>b<x>", true)).containsExactly(0, 9, 1, 8);
    }
  }

  @Test
  void putsASpaceBeforeTheTextWhereTheConfigurationSaysSo() throws IOException {
    write("tokenizer_config.json", "{\"add_prefix_space\":true}");
    assertThat(encode("a", true)).containsExactly(4);
  }

  @Test
  void beginsATextWithBosWhereTheConfigurationSaysSo() throws IOException {
    write("tokenizer_config.json", "{\"add_bos_token\":true,\"bos_token\":\"c\"}");
    assertThat(encode("ab", true)).containsExactly(7, 3);
    assertThat(encode("ab", false)).containsExactly(3);
  }

  @Test
  void beginsATextOfOptWithItsEndToken() throws IOException {
    write("vocab.json", "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"a\":3,\"b\":4,\"ab\":5}");
    write("merges.txt", "a b\n");
    assertThat(encode("ab", true)).containsExactly(2, 5);
    write("tokenizer_config.json", "{\"add_bos_token\":false}");
    assertThat(encode("ab", true)).containsExactly(5);
  }

  @Test
  void aTokenizerJsonGoesBeforeThem() throws IOException {
    TinyTokenizers.writeJson(directory);
    assertThat(encode("ab", false)).isNotEqualTo(new int[] {3});
  }

  @Test
  void onlyOneOfTheTwoFilesIsNoTokenizer() throws IOException {
    Files.delete(directory.resolve("merges.txt"));
    assertThat(Tokenizers.load(directory)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "vocab.json | {\"a\":-1} | the id of \"a\" must be between 0 and 16777216, got -1",
        "vocab.json | {\"a\":99999999} | the id of \"a\" must be between 0 and 16777216, got"
            + " 99999999",
        "vocab.json | {\"a\":\"0\"} | the id of \"a\" must be between 0 and 16777216, got \"0\"",
        "vocab.json | {\"a\":1,\"b\":1} | \"a\" and \"b\" have the same id 1",
        "vocab.json | {} | has no pieces",
        "vocab.json | [] | must hold a JSON object, got []",
        "merges.txt | a b c | line 1 must hold two pieces with a space between, got \"a b c\"",
        "merges.txt | ab | line 1 must hold two pieces with a space between, got \"ab\"",
        "merges.txt | b a | line 1 needs the piece \"ba\", which vocab.json lacks",
        "merges.txt | a x | line 1 needs the piece \"x\", which vocab.json lacks",
      })
  void refusesMalformedFiles(String name, String text, String problem) throws IOException {
    write(name, text);
    assertThatThrownBy(() -> encode("a", true))
        .isInstanceOf(FormatException.class)
        .hasMessage(directory.resolve(name) + ": " + problem);
  }

  @Test
  void refusesAddedTokensThatDoNotFollowTheVocabulary() throws IOException {
    write("added_tokens.json", "{\"<x>\":12}");
    assertThatThrownBy(() -> encode("a", true))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("added_tokens.json")
                + ": the added token \"<x>\" has the id 12, but the next id after the vocabulary"
                + " is 8");
    write("added_tokens.json", "{\"<x>\":3}");
    assertThatThrownBy(() -> encode("a", true))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("added_tokens.json")
                + ": the added token \"<x>\" has the id 3, which is another's");
  }

  @Test
  void endOfTextIsFoundInATextWhereTheClassIsThatOfGpt2() throws IOException {
    write("tokenizer_config.json", "{\"tokenizer_class\":\"GPT2Tokenizer\"}");
    assertThat(encode("c<|endoftext|>a", true)).containsExactly(7, 6, 0);
    write(
        "tokenizer_config.json",
        "{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"c\",\"eos_token\":\"c\"}");
    assertThat(encode("<|endoftext|>", true)).doesNotContain(6);
  }

  @Test
  void namesThePaddingTokenOnlyWhereAFileDoes() throws IOException {
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.padId()).isEmpty();
    }
    write("special_tokens_map.json", "{\"pad_token\":\"c\"}");
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.padId()).hasValue(7);
    }
  }

  /** What Hugging Face's converter makes of the same two files. */
  @Test
  void givesTheIdsOfTheSameTokenizerAsTokenizerJson() throws IOException {
    Path other = Files.createDirectory(directory.resolve("other"));
    Files.writeString(
        other.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
          {"id": 6, "content": "<|endoftext|>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": true, "special": true}],
         "normalizer": null,
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
         "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false},
         "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
         "model": {"dropout": null, "unk_token": null, "continuing_subword_prefix": "",
           "end_of_word_suffix": "", "fuse_unk": false, "vocab": VOCAB,
           "merges": ["a b", "\u0120 a", "\u0120a b"]}}
        """
            .replace("VOCAB", VOCAB));
    write("special_tokens_map.json", "{\"eos_token\":\"<|endoftext|>\"}");
    try (Tokenizer pairs = Tokenizers.load(directory).orElseThrow();
        Tokenizer json = Tokenizers.load(other).orElseThrow()) {
      for (String text :
          new String[] {"", "ab ab", " a  b", "ab<|endoftext|>c", "abc\u00e9\n a", "cab's 12ab"}) {
        int[] ids = json.encode(text, true);
        assertThat(pairs.encode(text, true)).as(text).containsExactly(ids);
        assertThat(pairs.decode(ids, false)).isEqualTo(json.decode(ids, false));
      }
    }
  }
}
