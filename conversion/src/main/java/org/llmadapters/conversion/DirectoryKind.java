package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.FormatException;

/**
 * The kinds of directories that commands read, told apart by the files in them, so that a wrong one
 * is answered with what would help.
 */
public enum DirectoryKind {
  /**
   * {@code saved_model.pb} and {@code assets.extra/config.json}, as {@link Converter} writes it.
   */
  BASE_MODEL("a base SavedModel"),
  /** {@code config.json}, without a SavedModel. */
  CHECKPOINT("a Hugging Face checkpoint"),
  /** {@code adapter_config.json}. */
  ADAPTER("an adapter"),
  /** Folders that are called by numbers, as TensorFlow Serving reads them. */
  SERVABLE("the versions of an exported model"),
  /** None of these. */
  OTHER("something else");

  private final String description;

  DirectoryKind(String description) {
    this.description = description;
  }

  /** What it is called in a message: {@code a base SavedModel}. */
  public String description() {
    return description;
  }

  /** What {@code directory} holds. */
  public static DirectoryKind of(Path directory) throws IOException {
    if (Files.isRegularFile(directory.resolve("saved_model.pb"))) {
      return BASE_MODEL;
    }
    if (Files.isRegularFile(directory.resolve(PeftAdapter.CONFIG_FILE))) {
      return ADAPTER;
    }
    if (Files.isRegularFile(directory.resolve(HfConfig.FILE))) {
      return CHECKPOINT;
    }
    return hasVersions(directory) ? SERVABLE : OTHER;
  }

  private static boolean hasVersions(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.anyMatch(
          entry ->
              entry.getFileName().toString().matches("\\d+")
                  && Files.isRegularFile(entry.resolve("saved_model.pb")));
    }
  }

  /**
   * Requires that {@code directory} holds this kind.
   *
   * @throws FormatException that says what it holds instead, and which command helps
   */
  public void require(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new FormatException(
          directory,
          "%s, expected the directory of %s",
          Files.exists(directory) ? "is a file" : "no such directory",
          description);
    }
    DirectoryKind found = of(directory);
    if (found != this) {
      String advice = advice(found, directory);
      throw new FormatException(
          directory,
          "%s, expected %s%s",
          found == OTHER ? missing() : "is " + found.description,
          description,
          advice.isEmpty() ? "" : "; " + advice);
    }
  }

  private String missing() {
    return switch (this) {
      case BASE_MODEL, SERVABLE, OTHER -> "has no saved_model.pb";
      case CHECKPOINT -> "has no " + HfConfig.FILE;
      case ADAPTER -> "has no " + PeftAdapter.CONFIG_FILE;
    };
  }

  private String advice(DirectoryKind found, Path directory) {
    if (this == BASE_MODEL && found == CHECKPOINT) {
      return "convert it first: llm-adapters convert --checkpoint " + directory + " --output MODEL";
    }
    if (this == BASE_MODEL && found == ADAPTER) {
      return "give it as --adapter " + directory + " beside the --model it was trained on";
    }
    if (this == BASE_MODEL) {
      return "make one with: llm-adapters convert --checkpoint DIR --output MODEL";
    }
    if (this == CHECKPOINT && found == BASE_MODEL) {
      return "give the checkpoint that it was converted from; to serve it with an adapter merged:"
          + " llm-adapters export --model "
          + directory
          + " --adapter DIR --output DIR/NAME --merge";
    }
    if (this == ADAPTER && found != OTHER) {
      return "make one with: llm-adapters train --model DIR --data FILE --adapter lora --output DIR";
    }
    return "";
  }
}
