package org.llmadapters.eval;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.task.TrainingQuestions;
import org.llmadapters.graph.FormatException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts test items that adapters were trained on: their accuracy on those says nothing about what
 * they learnt.
 */
final class TrainingOverlap {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingOverlap.class);

  /** What a training run writes beside its adapter; {@code data} is its training file or files. */
  private static final String RUN_FILE = "run.json";

  /** What may stand behind a file: its share of the training data. */
  private static final Pattern WEIGHT = Pattern.compile("=[0-9.eE+-]+$");

  private final Map<Path, TrainingQuestions> files = new HashMap<>();
  private final Map<Path, List<TrainingQuestions>> runs = new HashMap<>();
  private final Optional<Path> named;

  /**
   * For adapters trained on one file, or on those that the adapters' directories name.
   *
   * @param named the training data of all; the adapters' {@code run.json} are not looked at then
   * @throws FormatException if it is no training data of text
   */
  TrainingOverlap(Optional<Path> named) throws IOException {
    this.named = named;
    if (named.isPresent()) {
      files.put(named.get(), TrainingQuestions.read(named.get()));
    }
  }

  /**
   * The items of {@code data} that the adapters of {@code stack} were trained on; empty if it is
   * not known what they were trained on.
   */
  OptionalInt count(AdapterStack stack, TaskData data) throws IOException {
    Set<TrainingQuestions> seen = new HashSet<>();
    if (named.isPresent()) {
      seen.add(files.get(named.get()));
    }
    for (Path directory : stack.directories()) {
      if (named.isEmpty()) {
        if (!runs.containsKey(directory)) {
          runs.put(directory, ofRun(directory));
        }
        seen.addAll(runs.get(directory));
      }
    }
    if (seen.isEmpty()) {
      return OptionalInt.empty();
    }
    return OptionalInt.of(
        (int)
            data.items().stream()
                .filter(item -> seen.stream().anyMatch(questions -> questions.contains(item)))
                .count());
  }

  /** An adapter's own word for its training data is not worth failing for. */
  private List<TrainingQuestions> ofRun(Path directory) throws IOException {
    Path runFile = directory.resolve(RUN_FILE);
    if (!Files.isRegularFile(runFile)) {
      return List.of();
    }
    try {
      JsonNode data = Json.readObject(runFile).path("data");
      List<TrainingQuestions> questions = new ArrayList<>();
      for (JsonNode name : data.isArray() ? data : List.of(data)) {
        if (name.isTextual()) {
          questions.add(ofFile(name.textValue()));
        }
      }
      return questions;
    } catch (FormatException | InvalidPathException e) {
      LOG.warn(
          "not checked whether {} was trained on test items: {}; name its training data with"
              + " --training-data",
          directory,
          e.getMessage());
      return List.of();
    }
  }

  private TrainingQuestions ofFile(String name) throws IOException {
    boolean weighted = !Files.exists(Path.of(name));
    Path file = Path.of(weighted ? WEIGHT.matcher(name).replaceFirst("") : name);
    if (!Files.isRegularFile(file)) {
      throw new FormatException(file, "no such file");
    }
    if (!files.containsKey(file)) {
      files.put(file, TrainingQuestions.read(file));
    }
    return files.get(file);
  }
}
