package org.llmadapters.eval;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
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

  /** What a training run writes beside its adapter; {@code data} is its training file. */
  private static final String RUN_FILE = "run.json";

  private final Map<Path, TrainingQuestions> files = new HashMap<>();
  private final Map<Path, Optional<TrainingQuestions>> runs = new HashMap<>();
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
        runs.get(directory).ifPresent(seen::add);
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
  private Optional<TrainingQuestions> ofRun(Path directory) throws IOException {
    Path runFile = directory.resolve(RUN_FILE);
    if (!Files.isRegularFile(runFile)) {
      return Optional.empty();
    }
    try {
      JsonNode data = Json.readObject(runFile).path("data");
      if (!data.isTextual()) {
        return Optional.empty();
      }
      Path file = Path.of(data.textValue());
      if (!Files.isRegularFile(file)) {
        throw new FormatException(file, "no such file");
      }
      if (!files.containsKey(file)) {
        files.put(file, TrainingQuestions.read(file));
      }
      return Optional.of(files.get(file));
    } catch (FormatException | InvalidPathException e) {
      LOG.warn(
          "not checked whether {} was trained on test items: {}; name its training data with"
              + " --training-data",
          directory,
          e.getMessage());
      return Optional.empty();
    }
  }
}
