package org.llmadapters.eval.report;

import java.util.List;
import java.util.Optional;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;

/** Other ways to count right answers than the one that is averaged and compared. */
public enum Variant {
  /** By the corrected rule of a task that has one, see {@link Task#corrected}. */
  CORRECTED_RULE("corrected rule", "corrected_rule"),
  /** By likelihoods divided by lengths, see {@link Prediction#correctNormalized}. */
  LENGTH_NORMALIZED("length-normalized", "length_normalized");

  private final String title;
  private final String key;

  Variant(String title, String key) {
    this.title = title;
    this.key = key;
  }

  /** For a table: {@code corrected rule}. */
  public String title() {
    return title;
  }

  /** In {@code results.json}: {@code corrected_rule}. */
  public String key() {
    return key;
  }

  /** The score counted so, if it applies. */
  Optional<Score> score(Task task, List<Prediction> predictions) {
    return switch (this) {
      case CORRECTED_RULE -> task.correctedScore(predictions);
      case LENGTH_NORMALIZED -> Score.ofNormalized(predictions);
    };
  }
}
