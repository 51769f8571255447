package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The small files that belong to a model besides its weights; they travel with it unchanged. */
public final class ModelAssets {
  /** Where they lie in a SavedModel; TensorFlow's loader ignores this folder. */
  public static final String DIRECTORY = "assets.extra";

  private static final List<String> FILES =
      List.of(
          "config.json",
          "generation_config.json",
          "tokenizer.json",
          "tokenizer.model",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja");

  private ModelAssets() {}

  /**
   * The file in {@code directory} that holds a tokenizer, if one does; {@code vocab.json} does only
   * together with {@code merges.txt}.
   */
  public static Optional<String> tokenizer(Path directory) {
    return Stream.of("tokenizer.json", "tokenizer.model", "vocab.json")
        .filter(file -> Files.isRegularFile(directory.resolve(file)))
        .filter(
            file ->
                !file.equals("vocab.json") || Files.isRegularFile(directory.resolve("merges.txt")))
        .findFirst();
  }

  /** Copies those that are in {@code from} to {@code to}, which is made if need be. */
  public static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (String file : FILES) {
      if (Files.isRegularFile(from.resolve(file))) {
        Files.copy(from.resolve(file), to.resolve(file));
      }
    }
  }
}
