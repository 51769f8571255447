package org.llmadapters.eval;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.ChatTemplate;
import org.llmadapters.eval.prompt.PromptTemplate;
import picocli.CommandLine.Option;

/** What {@code generate} puts around a prompt. */
final class PromptFlags {
  @Option(
      names = "--template",
      paramLabel = "NAME|FILE",
      description =
          "Take prompts as instructions in this template: alpaca, llm-adapters-train, llm-adapters-eval, or a JSON file.")
  private @Nullable String template;

  @Option(
      names = "--chat",
      description = "Take a prompt as what a user says, in the model's chat template.")
  private boolean chat;

  @Option(
      names = "--chat-template",
      paramLabel = "chatml|FILE",
      description = "Chat template in place of the model's own; implies --chat.")
  private @Nullable String chatTemplate;

  /** Makes the tokens of what a user wrote. */
  @FunctionalInterface
  interface Wording {
    /** The prompt's tokens. */
    int[] encode(Tokenizer tokenizer, String text);
  }

  /**
   * What the flags say.
   *
   * @throws IllegalArgumentException if they do not go together
   */
  Wording wording(BaseModel base) throws IOException {
    if (chat || chatTemplate != null) {
      if (template != null) {
        throw new IllegalArgumentException(
            "--template and --chat: a prompt is an instruction or what a user says, give one of"
                + " them");
      }
      ChatTemplate turns = ChatTemplate.load(Optional.ofNullable(chatTemplate), base.assets());
      // The template writes the special tokens itself.
      return (tokenizer, text) -> tokenizer.encode(turns.prompt(text), false);
    }
    if (template == null) {
      return (tokenizer, text) -> tokenizer.encode(text, true);
    }
    PromptTemplate prompts = PromptTemplate.of(template);
    return (tokenizer, text) -> tokenizer.encode(prompts.prompt(text, ""), true);
  }
}
