package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.training.metrics.EventFile;
import org.llmadapters.training.metrics.MetricsWriter;
import org.llmadapters.training.report.RunReport;

/** The folder of a run: what may lie in it, and how it is emptied for a new one. */
final class RunFolder {
  private static final Set<String> FILES =
      Set.of(
          RunFile.NAME,
          MetricsWriter.NAME,
          EventFile.FOLDER,
          RunSummary.NAME,
          RunReport.ABOUT,
          RunReport.NAME,
          RunReport.CURVES,
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

  private static final Pattern CHECKPOINT = Pattern.compile("checkpoint-\\d{1,18}");

  private static final Pattern NUMBERED =
      Pattern.compile("checkpoint-\\d+|model-\\d{5}-of-\\d{5}\\.safetensors");

  /** What a process that was killed was writing. */
  private static final Pattern PARTIAL = Pattern.compile("(.+)\\.partial-[0-9a-f]{8}");

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
      delete(entry);
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
      if (!isOwn(name)) {
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

  /**
   * Checks that a run in {@code folder} can be gone on with: that it has a checkpoint, or is a run
   * that was stopped before its first one.
   *
   * @throws IllegalArgumentException if not
   */
  static void requireCheckpointOrRun(Path folder) throws IOException {
    for (Path entry : entries(folder)) {
      if (CHECKPOINT.matcher(entry.getFileName().toString()).matches()) {
        return;
      }
    }
    requireRun(folder);
  }

  /** Deletes what a process that was killed had not finished writing. */
  static void deletePartial(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    for (Path entry : entries(folder)) {
      Matcher partial = PARTIAL.matcher(entry.getFileName().toString());
      if (partial.matches() && isOwn(partial.group(1))) {
        delete(entry);
      }
    }
  }

  private static boolean isOwn(String name) {
    Matcher partial = PARTIAL.matcher(name);
    String whole = partial.matches() ? partial.group(1) : name;
    return FILES.contains(whole) || NUMBERED.matcher(whole).matches();
  }

  private static void delete(Path entry) throws IOException {
    if (Files.isDirectory(entry)) {
      OutputDirectory.delete(entry);
    } else {
      Files.delete(entry);
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
