package org.llmadapters.eval.task;

import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.conversion.files.JsonRecord;
import org.llmadapters.conversion.files.JsonRecords;
import org.llmadapters.graph.FormatException;

/**
 * The questions that a model was trained on, to tell whether a test asks the same. Two questions
 * are the same if their instructions and inputs are, but for case, white space and how Unicode
 * writes a character (NFKC).
 */
public final class TrainingQuestions {
  private final Set<String> questions;

  private TrainingQuestions(Set<String> questions) {
    this.questions = questions;
  }

  /**
   * Those of a training file: a JSON list or JSONL (see {@link JsonRecords}) of records with {@code
   * instruction} and perhaps {@code input}.
   *
   * @throws FormatException if a record has no instruction, as records of tokens have none; lists
   *     those that do not
   * @throws IOException if the file cannot be read
   */
  public static TrainingQuestions read(Path file) throws IOException {
    return new TrainingQuestions(
        new HashSet<>(
            JsonRecords.read(file, "records {\"instruction\": ...}", TrainingQuestions::question)));
  }

  private static Optional<String> question(JsonRecord record) {
    String instruction = record.text("instruction");
    String input = record.text("input", "");
    return record.ifSound(() -> normalized(instruction, input));
  }

  /** Whether {@code item} asks one of these questions. */
  public boolean contains(TaskItem item) {
    return questions.contains(normalized(item.instruction(), item.input()));
  }

  private static String normalized(String instruction, String input) {
    return Normalizer.normalize(instruction + "\n" + input, Normalizer.Form.NFKC)
        .toLowerCase(Locale.ROOT)
        .replaceAll("\\s+", " ")
        .strip();
  }
}
