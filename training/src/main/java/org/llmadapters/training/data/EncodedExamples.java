package org.llmadapters.training.data;

import java.io.IOException;
import java.util.List;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.records.RecordFile;

/**
 * What {@link ExampleEncoder} made of a training file.
 *
 * @param examples in the file's order, one or more
 * @param truncated how many of the file's records had more tokens than {@code cutoff_len}
 * @param dropped how many records are left out because no token of theirs is to be predicted, as
 *     when {@code cutoff_len} ends within the prompt
 */
public record EncodedExamples(List<Example> examples, int truncated, int dropped) {

  public EncodedExamples {
    examples = List.copyOf(examples);
  }

  /**
   * Reads all of {@code file}.
   *
   * @param skipBadRecords whether bad records are left out with a warning, instead of being an
   *     error
   * @throws FormatException that lists the bad records; or if no record has a token to predict
   */
  public static EncodedExamples read(
      RecordFile file, ExampleEncoder encoder, boolean skipBadRecords) throws IOException {
    return ExampleReader.readAll(file, encoder, skipBadRecords);
  }

  /** Tokens of the longest example. */
  public int longest() {
    return examples.stream().mapToInt(Example::length).max().orElse(0);
  }
}
