package org.llmadapters.training.data;

import java.util.List;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.eval.prompt.ChatText;

/** Makes one text of a conversation. */
@FunctionalInterface
public interface ChatEncoder {

  /**
   * The text of {@code messages}, special tokens written out, and where the assistant speaks, if
   * that is to be told.
   *
   * @throws IllegalArgumentException if there is no text for such a conversation
   */
  ChatText turns(List<ChatMessage> messages);
}
