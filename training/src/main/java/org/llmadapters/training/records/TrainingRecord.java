package org.llmadapters.training.records;

import java.util.List;
import org.llmadapters.eval.prompt.ChatMessage;

/** One record of a training file. */
public sealed interface TrainingRecord {

  /**
   * An instruction and its answer.
   *
   * @param input may be empty
   * @param output what the model should answer
   */
  record Alpaca(String instruction, String input, String output) implements TrainingRecord {}

  /**
   * A conversation.
   *
   * @param messages one or more
   */
  record Conversation(List<ChatMessage> messages) implements TrainingRecord {
    public Conversation {
      messages = List.copyOf(messages);
    }
  }

  /**
   * A part of a text, all of which is to be predicted.
   *
   * @param starts whether the text begins with it
   * @param ends whether the text ends with it
   */
  record Text(String text, boolean starts, boolean ends) implements TrainingRecord {}

  /**
   * A record that holds its tokens.
   *
   * @param inputIds one or more, each 0 or more
   * @param labels as many: an id or, for a token that is not predicted, -100
   */
  record Tokenized(List<Integer> inputIds, List<Integer> labels) implements TrainingRecord {}
}
