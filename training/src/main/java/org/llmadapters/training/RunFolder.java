package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.llmadapters.conversion.files.OutputDirectory;

/** The folder of a run: what may lie in it, and how it is emptied for a new one. */
final class RunFolder {
  private static final Set<String> FILES =
      Set.of(
          "run.json",
          "metrics.jsonl",
          RunSummary.NAME,
          "adapter_config.json",
          "adapter_model.safetensors",
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "model.safetensors.index.json",
          "tokenizer.json",
          "tokenizer.model",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja");

  private static final Pattern NUMBERED =
      Pattern.compile("checkpoint-\\d+|model-\\d{5}-of-\\d{5}\\.safetensors");

  private RunFolder() {}

  /** Whether there is anything in {@code folder}. */
  static boolean isUsed(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      return entries.iterator().hasNext();
    }
  }

  /**
   * Deletes an earlier run.
   *
   * @throws IllegalArgumentException as {@link #requireRun}; then all is still there
   */
  static void clear(Path folder) throws IOException {
    requireRun(folder);
    for (Path entry : entries(folder)) {
      if (Files.isDirectory(entry)) {
        OutputDirectory.delete(entry);
      } else {
        Files.delete(entry);
      }
    }
  }

  /**
   * Checks that {@code folder} holds a run and nothing else: a checkpoint that somebody downloaded
   * has files of the same names, but no {@code run.json}.
   *
   * @throws IllegalArgumentException if not
   */
  static void requireRun(Path folder) throws IOException {
    List<String> foreign = new ArrayList<>();
    for (Path entry : entries(folder)) {
      String name = entry.getFileName().toString();
      if (!FILES.contains(name) && !NUMBERED.matcher(name).matches()) {
        foreign.add(name);
      }
    }
    if (!foreign.isEmpty()) {
      throw new IllegalArgumentException(
          folder
              + ": holds "
              + String.join(", ", foreign)
              + ", which no training run wrote; nothing was deleted. Name another folder");
    }
    if (!Files.exists(folder.resolve(RunFile.NAME))) {
      throw new IllegalArgumentException(
          folder
              + ": has no "
              + RunFile.NAME
              + ", so no training run wrote it; nothing was deleted. Name another folder");
    }
  }

  private static List<Path> entries(Path folder) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(entries::add);
    }
    entries.sort(null);
    return entries;
  }
}
