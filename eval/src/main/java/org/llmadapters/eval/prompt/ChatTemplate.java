package org.llmadapters.eval.prompt;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.eval.jinja.JinjaTemplate;
import org.llmadapters.graph.FormatException;

/**
 * Makes one text of a conversation, as a checkpoint's own chat template says: the template in
 * {@code chat_template.jinja}, else {@code chat_template} in {@code tokenizer_config.json}, of
 * several the one called {@code default}. The text has all special tokens in it, so none is added
 * when it becomes tokens.
 *
 * <p>A template sees {@code messages}, {@code add_generation_prompt} and the special tokens by
 * their names, {@code bos_token} and so on. There is no {@code strftime_now}: a text that changes
 * from day to day is nothing to train on.
 */
public final class ChatTemplate {
  /** The name of the built-in template. */
  public static final String CHATML = "chatml";

  private static final String CHATML_SOURCE =
      "{% for message in messages %}"
          + "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
          + "{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  private final JinjaTemplate template;
  private final Map<String, String> specialTokens;

  private ChatTemplate(JinjaTemplate template, Map<String, String> specialTokens) {
    this.template = template;
    this.specialTokens = Map.copyOf(specialTokens);
  }

  /**
   * The template to use with a model.
   *
   * @param chosen {@code chatml} or the path of a Jinja file, in place of the model's own
   * @param assets the folder with the model's tokenizer
   * @throws FormatException if the model has none and none is chosen, or it is malformed
   */
  public static ChatTemplate load(Optional<String> chosen, Path assets) throws IOException {
    return new ChatTemplate(
        chosen.isPresent() ? chosen(chosen.get()) : own(assets), Tokenizers.namedTokens(assets));
  }

  private static JinjaTemplate chosen(String nameOrFile) throws IOException {
    if (nameOrFile.equals(CHATML)) {
      return JinjaTemplate.parse(Path.of(CHATML), CHATML_SOURCE);
    }
    Path file = Path.of(nameOrFile);
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          "unknown chat template \"" + nameOrFile + "\"; expected chatml or a Jinja file");
    }
    return JinjaTemplate.parse(file, Json.readText(file));
  }

  private static JinjaTemplate own(Path assets) throws IOException {
    Path file = assets.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      return JinjaTemplate.parse(file, Json.readText(file));
    }
    Path config = assets.resolve("tokenizer_config.json");
    if (Files.exists(config)) {
      JsonNode node = Json.readObject(config).path("chat_template");
      for (JsonNode named : node.isArray() ? node : List.<JsonNode>of()) {
        if (named.path("name").asText().equals("default")) {
          node = named.path("template");
        }
      }
      if (node.isTextual()) {
        return JinjaTemplate.parse(config, node.textValue());
      }
    }
    throw new FormatException(
        assets,
        "the model has no chat template (chat_template.jinja, or chat_template in"
            + " tokenizer_config.json); choose one with --chat-template chatml or FILE");
  }

  /**
   * The text of {@code messages}.
   *
   * @param addGenerationPrompt whether what the assistant's turn begins with is added
   * @throws IllegalArgumentException if the template does not take such a conversation
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    List<Object> turns = new ArrayList<>();
    for (ChatMessage message : messages) {
      turns.add(Map.of("role", message.role(), "content", message.content()));
    }
    Map<String, Object> variables = new HashMap<>(specialTokens);
    variables.put("messages", turns);
    variables.put("add_generation_prompt", addGenerationPrompt);
    return template.render(variables);
  }

  /** What a model goes on from to answer {@code text}, said by the user. */
  public String prompt(String text) {
    return render(List.of(new ChatMessage("user", text)), true);
  }

  /**
   * The text of {@code messages} with the assistant's turns: each is what the text up to it has
   * more than the text before it with a generation prompt.
   *
   * @throws IllegalArgumentException if the template does not take such a conversation, or writes a
   *     turn in another way when others follow, so that it cannot be told where it is
   */
  public ChatText turns(List<ChatMessage> messages) {
    String text = render(messages, false);
    List<ChatText.Turn> turns = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      if (messages.get(i).isAssistant()) {
        String before = render(messages.subList(0, i), true);
        String after = i == messages.size() - 1 ? text : render(messages.subList(0, i + 1), false);
        if (!after.startsWith(before) || !text.startsWith(after)) {
          throw new IllegalArgumentException(
              "the chat template writes message "
                  + (i + 1)
                  + " in another way when it is the last one, so that its tokens cannot be told;"
                  + " choose another with --chat-template, or set --train-on-inputs");
        }
        turns.add(new ChatText.Turn(before.length(), after.length()));
      }
    }
    return new ChatText(text, turns);
  }
}
