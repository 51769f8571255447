package org.llmadapters.training.data;

import java.util.List;

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
}
