package org.llmadapters.eval.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.graph.FormatException;

/**
 * The folder that an evaluation writes:
 *
 * <pre>
 *   settings.json                     what was evaluated, and how
 *   predictions/ADAPTER/TASK.jsonl    one record for each item
 *   results.json, .md, .html          the table
 * </pre>
 *
 * The results appear when all predictions are there.
 */
public final class ResultsFolder {
  private static final String SETTINGS = "settings.json";
  private static final String PREDICTIONS = "predictions";
  private static final Set<String> OWN =
      Set.of(SETTINGS, PREDICTIONS, "results.json", "results.md", "results.html");

  /** Settings that may grow from one start to the next: an entry for each name. */
  private static final Set<String> GROWING = Set.of("adapters", "tasks");

  /** Settings that are for people. */
  private static final String PATH = "path";

  private final Path folder;
  private final ObjectNode settings;
  private final Existing existing;

  /** What happens to an evaluation that the folder holds. */
  public enum Existing {
    /** It is an error. */
    REFUSE,
    /** It is gone on with; if there is none, one is started. */
    RESUME,
    /** It is deleted. */
    OVERWRITE
  }

  private ResultsFolder(Path folder, ObjectNode settings, Existing existing) {
    this.folder = folder;
    this.settings = settings;
    this.existing = existing;
  }

  /**
   * Looks whether an evaluation can be written to {@code folder}, and changes nothing.
   *
   * @param settings all that the predictions depend on. Fields called {@code path} may differ from
   *     those of an evaluation that is gone on with, {@code adapters} and {@code tasks} may have
   *     more entries, all else must be the same
   * @throws IllegalArgumentException if the folder holds something that may not be deleted
   * @throws FormatException if an evaluation cannot be gone on with; lists all settings that differ
   */
  public static ResultsFolder check(Path folder, ObjectNode settings, Existing existing)
      throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IllegalArgumentException(folder + ": is a file, expected a folder to write to");
    }
    List<Path> entries = entries(folder);
    if (!entries.isEmpty()) {
      if (existing == Existing.REFUSE) {
        throw new IllegalArgumentException(
            folder
                + ": exists and is not empty; name another folder, or give --resume to go on or"
                + " --overwrite");
      }
      requireEvaluation(folder, entries);
      if (existing == Existing.RESUME) {
        requireSame(folder.resolve(SETTINGS), settings);
      }
    }
    return new ResultsFolder(folder, settings, existing);
  }

  private static List<Path> entries(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return List.of();
    }
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(entries::add);
    }
    return entries;
  }

  private static void requireEvaluation(Path folder, List<Path> entries) {
    Set<String> names = new TreeSet<>();
    entries.forEach(entry -> names.add(entry.getFileName().toString()));
    boolean settingsThere = names.contains(SETTINGS);
    names.removeAll(OWN);
    if (!names.isEmpty() || !settingsThere) {
      throw new IllegalArgumentException(
          folder
              + ": "
              + (names.isEmpty() ? "has no " + SETTINGS : "holds " + String.join(", ", names))
              + ", so it is not the folder of an evaluation; nothing was changed. Name another"
              + " folder");
    }
  }

  private static void requireSame(Path file, ObjectNode now) throws IOException {
    Problems problems = new Problems();
    compare("", Json.readObject(file), now, problems);
    problems.throwIfAny(
        file,
        problems.counted("setting") + " of the evaluation to go on with differ",
        "Evaluate with the same settings, or into another folder");
  }

  private static void compare(String prefix, JsonNode before, JsonNode now, Problems problems) {
    for (Map.Entry<String, JsonNode> field : before.properties()) {
      String name = prefix + field.getKey();
      JsonNode value = now.get(field.getKey());
      if (field.getKey().equals(PATH)) {
        continue;
      }
      if (value == null) {
        problems.add("%s: was evaluated, is not asked for now", name);
      } else if (value.isObject() && field.getValue().isObject()) {
        compare(name + ".", field.getValue(), value, problems);
      } else if (!value.toString().equals(field.getValue().toString())) {
        // As written: a number that was read back may be of another Java type.
        problems.add(
            "%s: was %s, is %s now", name, Json.describe(field.getValue()), Json.describe(value));
      }
    }
    if (!GROWING.contains(prefix.replace(".", ""))) {
      now.fieldNames()
          .forEachRemaining(
              name -> {
                if (!before.has(name)) {
                  problems.add("%s%s: was not set, is %s now", prefix, name, now.get(name));
                }
              });
    }
  }

  /**
   * Makes the folder and writes the settings. An evaluation that is not gone on with is deleted
   * before.
   */
  public void begin() throws IOException {
    Files.createDirectories(folder);
    if (existing == Existing.OVERWRITE) {
      for (Path entry : entries(folder)) {
        if (Files.isDirectory(entry)) {
          OutputDirectory.delete(entry);
        } else {
          Files.delete(entry);
        }
      }
    }
    Json.write(folder.resolve(SETTINGS), settings);
  }

  /** Where an adapter's predictions for a task go. */
  public Path predictions(String adapter, String task) {
    return folder.resolve(PREDICTIONS).resolve(adapter).resolve(task + ".jsonl");
  }

  /** Writes the table as JSON, with the settings, as Markdown and as HTML. */
  public void write(Results results) throws IOException {
    ObjectNode json = results.toJson();
    json.set("settings", settings);
    Json.write(folder.resolve("results.json"), json);
    ResultsTable table = ResultsTable.of(results);
    write("results.md", table.markdown());
    write("results.html", table.html());
  }

  private void write(String name, String text) throws IOException {
    try (AtomicFile file = AtomicFile.create(folder.resolve(name))) {
      Files.writeString(file.path(), text);
      file.commit();
    }
  }

  /**
   * The predictions of one adapter in {@code folder}, by task.
   *
   * @param folder of an evaluation of one adapter, or {@code predictions/ADAPTER} in one
   * @throws FormatException if it is neither
   */
  public static Map<String, Path> predictions(Path folder) throws IOException {
    Map<String, Path> files = predictionFiles(folder);
    if (!files.isEmpty()) {
      return files;
    }
    List<Path> adapters =
        entries(folder.resolve(PREDICTIONS)).stream().filter(Files::isDirectory).sorted().toList();
    Optional<Path> only = adapters.size() == 1 ? Optional.of(adapters.get(0)) : Optional.empty();
    return predictionFiles(
        only.orElseThrow(
            () ->
                new FormatException(
                    folder,
                    "%s",
                    adapters.isEmpty()
                        ? "has no predictions; expected a folder that evaluate wrote"
                        : "has predictions of several adapters; name one of "
                            + String.join(", ", adapters.stream().map(Path::toString).toList()))));
  }

  private static Map<String, Path> predictionFiles(Path folder) throws IOException {
    Map<String, Path> files = new TreeMap<>();
    for (Path entry : entries(folder)) {
      String name = entry.getFileName().toString();
      if (name.endsWith(".jsonl")) {
        files.put(name.substring(0, name.length() - ".jsonl".length()), entry);
      }
    }
    return files;
  }
}
