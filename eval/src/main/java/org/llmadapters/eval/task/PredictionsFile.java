package org.llmadapters.eval.task;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.llmadapters.conversion.files.JsonRecord;
import org.llmadapters.conversion.files.JsonRecords;
import org.llmadapters.graph.FormatException;

/**
 * What a model answered to the items of a task. Written by {@link PredictionsWriter} as JSONL:
 *
 * <pre>
 *   {"index":0,"prompt":"...","response":"2 + 3 = 5","extracted":"5","label":"5.0","correct":true,"tokens":9}
 * </pre>
 *
 * {@code extracted} is null for a response without an answer. Where choices were scored, there are
 * also
 *
 * <pre>
 *   "correct_normalized":false,"answers":["A","B"],"choices":["...","..."],"log_likelihoods":[-3.1,-2.7]
 * </pre>
 *
 * Read from JSONL or a JSON list (see {@link JsonRecords}) of such records, or of LLM-Adapters'
 * result records, which have the response under {@code output_pred} and the label under {@code
 * answer}. Only response and label must be there, or label, answers, choices and log-likelihoods:
 * answers are found and judged anew, so {@code extracted}, {@code correct}, {@code
 * correct_normalized} and LLM-Adapters' {@code pred} and {@code flag} are ignored as all other keys
 * are. Without {@code index} it is the position in the file.
 */
public final class PredictionsFile {

  private PredictionsFile() {}

  /**
   * The predictions of {@code file}, in order, graded by {@code task}.
   *
   * @throws FormatException if there are none, or listing those that are malformed, whose label is
   *     not one of {@code task} or whose index came before
   * @throws IOException if the file cannot be read
   */
  public static List<Prediction> read(Path file, Task task) throws IOException {
    Set<Integer> indices = new HashSet<>();
    return JsonRecords.read(
        file,
        "records {\"response\": ..., \"label\": ...} or {\"output_pred\": ..., \"answer\": ...}",
        record -> prediction(record, task, indices));
  }

  /**
   * The predictions of {@code file} and of the partial file of a run that was cut off, in the order
   * of the items; none if there is neither. A last line without its end is removed from the file.
   *
   * @throws FormatException as {@link #read}
   * @throws IOException if a file cannot be read or cut
   */
  public static List<Prediction> recover(Path file, Task task) throws IOException {
    Map<Integer, Prediction> predictions = new TreeMap<>();
    for (Path present : List.of(file, partial(file))) {
      if (Files.exists(present) && endAtWholeLine(present) > 0) {
        read(present, task).forEach(found -> predictions.put(found.index(), found));
      }
    }
    return List.copyOf(predictions.values());
  }

  /** Cuts off what follows the last line break; gives the bytes that are left. */
  private static long endAtWholeLine(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long end = channel.size();
      ByteBuffer last = ByteBuffer.allocate(1);
      for (; end > 0; end--) {
        last.clear();
        channel.read(last, end - 1);
        if (last.get(0) == '\n') {
          break;
        }
      }
      channel.truncate(end);
      return end;
    }
  }

  /** What a file is called until it is finished. */
  static Path partial(Path file) {
    return file.resolveSibling(file.getFileName() + ".partial");
  }

  private static Optional<Prediction> prediction(
      JsonRecord record, Task task, Set<Integer> indices) {
    int index = record.count("index", record.index());
    String prompt = record.text("prompt", "");
    boolean scored = record.has("log_likelihoods");
    String response =
        scored ? "" : record.text(record.has("output_pred") ? "output_pred" : "response");
    List<ScoredChoice> choices = scored ? choices(record) : List.of();
    String label = TaskFile.label(record, record.has("label") ? "label" : "answer", task);
    int tokens = record.count("tokens", 0);
    if (!indices.add(index)) {
      record.problem("index %d came before, expected one prediction per item", index);
    }
    return record.ifSound(
        () ->
            scored
                ? task.grade(index, prompt, choices, label, tokens)
                : task.grade(index, prompt, response, label, tokens));
  }

  private static List<ScoredChoice> choices(JsonRecord record) {
    List<String> answers = record.texts("answers");
    List<String> texts = record.texts("choices");
    List<Double> logLikelihoods = record.numbers("log_likelihoods");
    List<ScoredChoice> choices = new ArrayList<>();
    if (record.problems().isEmpty()) {
      int count = answers.size();
      if (count == 0 || texts.size() != count || logLikelihoods.size() != count) {
        record.problem(
            "has %d answers, %d choices and %d log_likelihoods, expected equally many, at least 1",
            count, texts.size(), logLikelihoods.size());
        return choices;
      }
      for (int i = 0; i < count; i++) {
        choices.add(new ScoredChoice(answers.get(i), texts.get(i), logLikelihoods.get(i)));
      }
    }
    return choices;
  }
}
