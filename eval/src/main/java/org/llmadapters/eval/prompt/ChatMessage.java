package org.llmadapters.eval.prompt;

/**
 * One turn of a conversation.
 *
 * @param role {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content its text
 */
public record ChatMessage(String role, String content) {
  /** The role of the one who is trained. */
  public static final String ASSISTANT = "assistant";

  /** Whether a model says this. */
  public boolean isAssistant() {
    return role.equals(ASSISTANT);
  }
}
