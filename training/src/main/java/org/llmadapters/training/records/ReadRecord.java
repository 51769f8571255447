package org.llmadapters.training.records;

import java.util.List;
import java.util.Optional;

/**
 * A record as it was read.
 *
 * @param where it stands in its file: {@code line 7}, {@code row 3}
 * @param record empty if there are problems
 * @param problems what is wrong with it
 */
public record ReadRecord(String where, Optional<TrainingRecord> record, List<String> problems) {
  public ReadRecord {
    problems = List.copyOf(problems);
    if (record.isPresent() != problems.isEmpty()) {
      throw new IllegalStateException("no value and no problem for " + where);
    }
  }

  static ReadRecord good(String where, TrainingRecord record) {
    return new ReadRecord(where, Optional.of(record), List.of());
  }

  static ReadRecord bad(String where, String problem) {
    return new ReadRecord(where, Optional.empty(), List.of(problem));
  }
}
