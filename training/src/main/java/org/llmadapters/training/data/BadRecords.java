package org.llmadapters.training.data;

import java.util.List;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.records.RecordFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The bad records of a file: the first 20 with what is wrong with them, and how many there are. */
final class BadRecords {
  private static final Logger log = LoggerFactory.getLogger(BadRecords.class);

  private final RecordFile file;
  private final boolean skipped;
  private final Problems problems = new Problems();

  /**
   * @param skipped whether they are left out, instead of being an error
   */
  BadRecords(RecordFile file, boolean skipped) {
    this.file = file;
    this.skipped = skipped;
  }

  /** Adds a record. */
  void add(String where, List<String> wrong) {
    problems.add("%s: %s", where, String.join("; ", wrong));
  }

  /**
   * Fails if there are any, unless they are skipped.
   *
   * @throws FormatException that lists them
   */
  void requireNone() {
    if (!skipped) {
      problems.throwIfAny(
          file.file(),
          problems.counted("bad record"),
          "Expected " + file.expected() + ". Leave bad ones out with --skip-bad-records");
    }
  }

  /** Says which ones were left out. */
  void warn() {
    if (skipped && !problems.isEmpty()) {
      log.warn(
          "{}: {}", file.file(), problems.report(problems.counted("bad record") + " skipped", ""));
    }
  }
}
