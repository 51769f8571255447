package org.llmadapters.conversion.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.FormatException;

/** Finds the tokenizer of a checkpoint directory. */
public final class Tokenizers {
  /** The largest id that is taken for one; published vocabularies stay below 2^19. */
  static final int MAX_ID = 1 << 24;

  private Tokenizers() {}

  /**
   * Loads {@code tokenizer.json}, or else {@code tokenizer.model}, or else {@code vocab.json} and
   * {@code merges.txt}, with what {@code tokenizer_config.json} and its companions say; the caller
   * closes.
   *
   * @return nothing if {@code directory} has none of them
   * @throws FormatException if a file is malformed
   * @throws IOException if reading fails
   */
  public static Optional<Tokenizer> load(Path directory) throws IOException {
    Path json = directory.resolve("tokenizer.json");
    if (Files.exists(json)) {
      return Optional.of(JsonTokenizer.load(json, TokenizerSettings.read(directory)));
    }
    Path model = directory.resolve("tokenizer.model");
    if (Files.exists(model)) {
      return Optional.of(SentencePieceTokenizer.load(model, TokenizerSettings.read(directory)));
    }
    if (Files.exists(directory.resolve(BytePairFiles.VOCAB))
        && Files.exists(directory.resolve(BytePairFiles.MERGES))) {
      return Optional.of(BytePairFiles.load(directory, TokenizerSettings.read(directory)));
    }
    return Optional.empty();
  }

  /**
   * The special tokens of a checkpoint directory that have a role, by its name: {@code bos_token},
   * {@code eos_token}, ...; those that {@code tokenizer_config.json} and {@code
   * special_tokens_map.json} name.
   *
   * @throws FormatException if a file is malformed
   * @throws IOException if reading fails
   */
  public static Map<String, String> namedTokens(Path directory) throws IOException {
    return TokenizerSettings.read(directory).named();
  }

  /**
   * {@code text} with {@code ?} in place of halves of surrogate pairs, which no encoding has and
   * native code must not see.
   */
  static String wellFormed(String text) {
    return new String(text.getBytes(UTF_8), UTF_8);
  }

  /** Whether {@code node} is an integer between 0 and {@link #MAX_ID}. */
  static boolean isId(JsonNode node) {
    return node.isIntegralNumber()
        && node.canConvertToInt()
        && node.intValue() >= 0
        && node.intValue() <= MAX_ID;
  }

  /** Throws if an id is negative. */
  static void requireNotNegative(int[] ids) {
    for (int id : ids) {
      if (id < 0) {
        throw new IllegalArgumentException("token ids must not be negative, got " + id);
      }
    }
  }
}
