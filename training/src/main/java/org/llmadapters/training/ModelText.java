package org.llmadapters.training;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.eval.prompt.ChatTemplate;
import org.llmadapters.eval.prompt.ChatText;
import org.llmadapters.graph.FormatException;

/**
 * A model's tokenizer and chat template, each opened when it is first asked for: data of tokens
 * needs neither, and most data no chat template. For several threads.
 */
final class ModelText implements Closeable {
  private final Path assets;
  private final Optional<String> chatTemplate;
  private @Nullable Tokenizer tokenizer;
  private @Nullable ChatTemplate chat;

  private ModelText(Path assets, Optional<String> chatTemplate) {
    this.assets = assets;
    this.chatTemplate = chatTemplate;
  }

  /**
   * For a model; the caller closes.
   *
   * @param assets the folder with the model's tokenizer
   * @param chatTemplate what to use in place of the model's own; it is opened at once
   * @throws IllegalArgumentException if there is no such chat template
   * @throws FormatException if it is malformed
   */
  static ModelText of(Path assets, Optional<String> chatTemplate) throws IOException {
    ModelText text = new ModelText(assets, chatTemplate);
    if (chatTemplate.isPresent()) {
      text.chat = ChatTemplate.load(chatTemplate, assets);
    }
    return text;
  }

  /**
   * The ids of {@code text}.
   *
   * @throws FormatException if there is no tokenizer
   */
  int[] encode(String text, boolean addSpecialTokens) {
    return tokenizer().encode(text, addSpecialTokens);
  }

  /**
   * The text of {@code messages} with the assistant's turns.
   *
   * @throws FormatException if there is no chat template, or it is malformed
   */
  ChatText turns(List<ChatMessage> messages) {
    return chat().turns(messages);
  }

  /**
   * The text of {@code messages}, without a word on who speaks where.
   *
   * @throws FormatException if there is no chat template, or it is malformed
   */
  ChatText whole(List<ChatMessage> messages) {
    return new ChatText(chat().render(messages, false), List.of());
  }

  /** The id that ends a text, if the tokenizer names one; 0 without a tokenizer. */
  OptionalInt eosId() {
    return hasTokenizer() ? tokenizer().eosId() : OptionalInt.of(0);
  }

  private boolean hasTokenizer() {
    return ModelAssets.tokenizer(assets).isPresent();
  }

  private synchronized Tokenizer tokenizer() {
    Tokenizer open = tokenizer;
    if (open == null) {
      try {
        open =
            Tokenizers.load(assets)
                .orElseThrow(
                    () ->
                        new FormatException(
                            assets,
                            "no tokenizer, which text data needs; add tokenizer.json or tokenizer.model to the checkpoint and convert"
                                + " again, or train on pre-tokenized data"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      tokenizer = open;
    }
    return open;
  }

  private synchronized ChatTemplate chat() {
    ChatTemplate open = chat;
    if (open == null) {
      try {
        open = ChatTemplate.load(chatTemplate, assets);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      chat = open;
    }
    return open;
  }

  @Override
  public synchronized void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
