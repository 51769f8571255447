package org.llmadapters.eval.prompt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;

/** Templates are cut down from published ones, texts are derived from them by hand. */
final class ChatTemplateTest {

  /** As Llama 2 has it: the system message is in the first turn, turns are [INST] ... [/INST]. */
  private static final String BRACKETS =
      "{% if messages[0]['role'] == 'system' %}"
          + "{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
          + "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
          + "{% for message in loop_messages %}"
          + "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
          + "{{ raise_exception('Roles must alternate') }}{% endif %}"
          + "{% if loop.index0 == 0 and system_message != false %}"
          + "{% set content = '<<SYS>>' + system_message + '<</SYS>>' + message['content'] %}"
          + "{% else %}{% set content = message['content'] %}{% endif %}"
          + "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
          + "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}"
          + "{% endif %}{% endfor %}";

  /** As Llama 3 and Gemma have it: a header, the content trimmed, an end of turn. */
  private static final String HEADERS =
      """
      {{- bos_token }}
      {%- if not date is defined %}
          {%- if strftime_now is defined %}
              {%- set date = strftime_now("%Y") %}
          {%- else %}
              {%- set date = "2024" %}
          {%- endif %}
      {%- endif %}
      {%- for message in messages %}
          {#- Google says model. #}
          {%- set role = 'model' if message.role == 'assistant' else message.role %}
          {{- '<' + role + ' ' + date + '>\\n' + message['content'] | trim + '<end>\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt %}
          {{- '<model 2024>\\n' }}
      {%- endif %}
      """;

  /** As Qwen 3 has it: what the assistant thought is left out when others speak after it. */
  private static final String FORGETFUL =
      "{% for message in messages %}"
          + "{% if message.role == 'assistant' and not loop.last %}"
          + "{{ message.content.split('</think>')[-1] }}"
          + "{% else %}{{ message.content }}{% endif %}|{% endfor %}";

  private static final List<ChatMessage> TWO_TURNS =
      List.of(
          new ChatMessage("user", "2 + 3 {{ 7*7 }}?"),
          new ChatMessage("assistant", "5 "),
          new ChatMessage("user", " Twice?"),
          new ChatMessage("assistant", "10"));

  @TempDir private Path assets;

  @Test
  void usesTheTemplateInTheTokenizersConfig() throws IOException {
    config(BRACKETS);

    assertThat(own().render(TWO_TURNS, false))
        .isEqualTo("<s>[INST] 2 + 3 {{ 7*7 }}? [/INST] 5 </s><s>[INST] Twice? [/INST] 10 </s>");
    assertThat(
            own()
                .render(
                    List.of(new ChatMessage("system", "Be brief."), new ChatMessage("user", "Hi")),
                    true))
        .isEqualTo("<s>[INST] <<SYS>>Be brief.<</SYS>>Hi [/INST]");
  }

  @Test
  void prefersTheTemplateInItsOwnFile() throws IOException {
    config(BRACKETS);
    Files.writeString(assets.resolve("chat_template.jinja"), HEADERS);

    assertThat(own().render(TWO_TURNS, false))
        .isEqualTo(
            """
            <s><user 2024>
            2 + 3 {{ 7*7 }}?<end>
            <model 2024>
            5<end>
            <user 2024>
            Twice?<end>
            <model 2024>
            10<end>
            """);
    assertThat(own().prompt(" Hi ")).isEqualTo("<s><user 2024>\nHi<end>\n<model 2024>\n");
  }

  @Test
  void takesTheDefaultOfSeveralTemplates() throws IOException {
    Files.writeString(
        assets.resolve("tokenizer_config.json"),
        """
        {"chat_template": [{"name": "tool_use", "template": "tools"},
                           {"name": "default", "template": "talk"}]}
        """);

    assertThat(own().render(TWO_TURNS, false)).isEqualTo("talk");
  }

  @Test
  void knowsChatml() throws IOException {
    config(BRACKETS);

    ChatTemplate chatml = ChatTemplate.load(Optional.of("chatml"), assets);

    assertThat(chatml.render(TWO_TURNS.subList(0, 2), false))
        .isEqualTo(
            "<|im_start|>user\n2 + 3 {{ 7*7 }}?<|im_end|>\n<|im_start|>assistant\n5 <|im_end|>\n");
    assertThat(chatml.prompt("Hi"))
        .isEqualTo("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  }

  @Test
  void findsWhereTheAssistantSpeaks() throws IOException {
    config(HEADERS);

    ChatText written = own().turns(TWO_TURNS);

    assertThat(written.text()).isEqualTo(own().render(TWO_TURNS, false));
    assertThat(written.turns().stream().map(t -> written.text().substring(t.start(), t.end())))
        .containsExactly("5<end>\n", "10<end>\n");
  }

  @Test
  void findsTurnsWithoutAGenerationPrompt() throws IOException {
    config(BRACKETS);

    ChatText written = own().turns(TWO_TURNS);

    assertThat(written.turns().stream().map(t -> written.text().substring(t.start(), t.end())))
        .containsExactly(" 5 </s>", " 10 </s>");
  }

  @Test
  void refusesATemplateThatRewritesEarlierTurns() throws IOException {
    config(FORGETFUL);
    List<ChatMessage> messages =
        List.of(
            new ChatMessage("user", "2 + 3?"),
            new ChatMessage("assistant", "<think>easy</think>5"),
            new ChatMessage("user", "Twice?"),
            new ChatMessage("assistant", "10"));

    assertThat(own().turns(messages.subList(0, 2)).turns())
        .containsExactly(new ChatText.Turn(7, 28));
    assertThatThrownBy(() -> own().turns(messages))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the chat template writes message 2 in another way when it is the last one, so that"
                + " its tokens cannot be told; choose another with --chat-template, or set"
                + " --train-on-inputs");
  }

  @Test
  void passesOnWhatATemplateRefuses() throws IOException {
    config(BRACKETS);

    assertThatThrownBy(() -> own().turns(TWO_TURNS.subList(1, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            assets.resolve("tokenizer_config.json")
                + ": line 1 of the template: Roles must alternate");
  }

  @Test
  void asksForATemplateWhereThereIsNone() {
    assertThatThrownBy(this::own)
        .isInstanceOf(FormatException.class)
        .hasMessage(
            assets
                + ": the model has no chat template (chat_template.jinja, or chat_template in"
                + " tokenizer_config.json); choose one with --chat-template chatml or FILE");
    assertThatThrownBy(() -> ChatTemplate.load(Optional.of("chatlm"), assets))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("unknown chat template \"chatlm\"; expected chatml or a Jinja file");
  }

  private ChatTemplate own() throws IOException {
    return ChatTemplate.load(Optional.empty(), assets);
  }

  private void config(String template) throws IOException {
    Json.write(
        assets.resolve("tokenizer_config.json"),
        Json.object()
            .put("bos_token", "<s>")
            .put("eos_token", "</s>")
            .put("chat_template", template));
  }
}
