package org.llmadapters.training.data;

/** One record of a training file. */
public sealed interface TrainingRecord {

  /**
   * A text record; {@link ExampleEncoder} turns it into tokens.
   *
   * @param input may be empty
   * @param output what the model should answer
   */
  record Alpaca(String instruction, String input, String output) implements TrainingRecord {}

  /**
   * A record that holds its tokens.
   *
   * @param example its ids and labels, as in the file
   */
  record Tokenized(Example example) implements TrainingRecord {}
}
