package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.eval.prompt.ChatText;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.training.records.TrainingRecord;
import org.llmadapters.training.records.TrainingRecord.Alpaca;
import org.llmadapters.training.records.TrainingRecord.Conversation;
import org.llmadapters.training.records.TrainingRecord.Text;
import org.llmadapters.training.records.TrainingRecord.Tokenized;

final class ExampleEncoderTest {

  private static final int BOS = 1;
  private static final int EOS = 2;
  private static final int VOCAB_SIZE = 200;

  /** A character a token, after a BOS. The Alpaca prompt of "Add" is PROMPT of them. */
  private static final Encoder CHARACTERS =
      (text, special) ->
          IntStream.concat(special ? IntStream.of(BOS) : IntStream.empty(), text.chars()).toArray();

  /** As above, but spaces and what follows them are one token, whose id is the last character. */
  private static final Encoder MERGING =
      (text, special) ->
          IntStream.concat(
                  special ? IntStream.of(BOS) : IntStream.empty(),
                  Pattern.compile(" *[^ ]|[ ]+$")
                      .matcher(text)
                      .results()
                      .mapToInt(token -> token.group().charAt(token.group().length() - 1)))
              .toArray();

  /** Users speak in angle brackets, the assistant in square ones, the first of which is given. */
  private static final ChatEncoder MARKS =
      messages -> {
        StringBuilder text = new StringBuilder();
        List<ChatText.Turn> turns = new ArrayList<>();
        for (ChatMessage message : messages) {
          boolean assistant = message.isAssistant();
          text.append(assistant ? "[" : "<");
          int start = text.length();
          text.append(message.content()).append(assistant ? "]" : ">");
          if (assistant) {
            turns.add(new ChatText.Turn(start, text.length()));
          }
        }
        return new ChatText(text.toString(), turns);
      };

  private static final int PROMPT = 1 + PromptTemplate.ALPACA.prompt("Add", "").length();
  private static final Alpaca ADD = new Alpaca("Add", "", "56");

  @Test
  void countsTheOutputAndTheEnd() {
    Example example = onlyExample(encoder(CHARACTERS, 256, false), ADD);

    assertThat(example.length()).isEqualTo(PROMPT + 3);
    assertThat(Arrays.copyOfRange(example.inputIds(), PROMPT - 1, PROMPT + 3))
        .containsExactly('\n', '5', '6', EOS);
    assertThat(Arrays.copyOf(example.labels(), PROMPT)).containsOnly(-100);
    assertThat(Arrays.copyOfRange(example.labels(), PROMPT, PROMPT + 3))
        .containsExactly('5', '6', EOS);
    assertThat(example.countedTokens()).isEqualTo(3);
  }

  @Test
  void countsThePromptTooWhenTrainingOnInputs() {
    Example example = onlyExample(encoder(CHARACTERS, 256, true), ADD);

    assertThat(example.labels()).containsExactly(example.inputIds());
    assertThat(example.countedTokens()).isEqualTo(PROMPT + 3 - 1);
  }

  @Test
  void countsATokenThatMergesPromptAndOutput() {
    ExampleEncoder encoder =
        new ExampleEncoder(
            MERGING, MARKS, EOS, VOCAB_SIZE, PromptTemplate.LLM_ADAPTERS_TRAIN, 256, false);
    int[] prompt =
        MERGING.encode(PromptTemplate.LLM_ADAPTERS_TRAIN.prompt(ADD.instruction(), ""), true);

    Example example = onlyExample(encoder, ADD);

    // The prompt alone ends in a token of 16 spaces; with the output that is 16 spaces and a 5.
    assertThat(prompt[prompt.length - 1]).isEqualTo(' ');
    assertThat(example.length()).isEqualTo(prompt.length + 2);
    assertThat(Arrays.copyOfRange(example.inputIds(), prompt.length - 2, prompt.length + 2))
        .containsExactly('\n', '5', '6', EOS);
    assertThat(Arrays.copyOfRange(example.labels(), prompt.length - 2, prompt.length + 2))
        .containsExactly(-100, '5', '6', EOS);
  }

  @Test
  void appendsTheEndOnlyWhereItFits() {
    assertThat(onlyExample(encoder(CHARACTERS, PROMPT + 3, false), ADD).inputIds())
        .hasSize(PROMPT + 3)
        .endsWith('5', '6', EOS);
    assertThat(onlyExample(encoder(CHARACTERS, PROMPT + 2, false), ADD).inputIds())
        .hasSize(PROMPT + 2)
        .endsWith('5', '6');
    assertThat(onlyExample(encoder(CHARACTERS, PROMPT + 1, false), ADD).inputIds())
        .hasSize(PROMPT + 1)
        .endsWith('\n', '5');
  }

  @Test
  void doesNotAppendASecondEnd() {
    Encoder ending = (text, special) -> IntStream.of(7, 8, text.length(), EOS).toArray();

    assertThat(onlyExample(encoder(ending, 256, true), ADD).inputIds())
        .containsExactly(7, 8, PROMPT - 1 + 2, EOS);
  }

  @Test
  void trainsTheEndAfterAnEmptyOutput() {
    Example example = onlyExample(encoder(CHARACTERS, 256, false), new Alpaca("Add", "", ""));

    assertThat(example.countedTokens()).isEqualTo(1);
    assertThat(example.labels()).endsWith(-100, EOS);
  }

  @Test
  void putsTheInputIntoThePrompt() {
    Example example = onlyExample(encoder(CHARACTERS, 256, false), new Alpaca("Add", "5", "5"));

    assertThat(example.length())
        .isEqualTo(1 + PromptTemplate.ALPACA.prompt("Add", "5").length() + 2);
    assertThat(example.countedTokens()).isEqualTo(2);
  }

  @Test
  void countsWhatTheAssistantSays() {
    Conversation twoTurns =
        chat("user", "2+3?", "assistant", "5", "user", "x2?", "assistant", "10");

    Example example = onlyExample(encoder(CHARACTERS, 256, false), twoTurns);

    // No BOS: the template would have written it.
    assertThat(text(example.inputIds())).isEqualTo("<2+3?>[5]<x2?>[10]" + (char) EOS);
    assertThat(text(example.labels())).isEqualTo("......" + ".5]" + "....." + ".10]" + (char) EOS);
  }

  @Test
  void countsOthersToWhenTrainingOnInputs() {
    Example example =
        onlyExample(encoder(CHARACTERS, 256, true), chat("user", "2+3?", "assistant", "5"));

    assertThat(example.labels()).containsExactly(example.inputIds());
  }

  @Test
  void countsATokenThatMergesTheAssistantsStartWithWhatIsBefore() {
    ChatEncoder spaced =
        messages ->
            new ChatText("Q: 2 A:    5 end", List.of(new ChatText.Turn("Q: 2 A:   ".length(), 12)));
    ExampleEncoder encoder =
        new ExampleEncoder(MERGING, spaced, EOS, VOCAB_SIZE, PromptTemplate.ALPACA, 256, false);

    Example example = onlyExample(encoder, chat("user", "2", "assistant", "5", "user", "end"));

    assertThat(text(example.inputIds())).isEqualTo("Q:2A:5end");
    assertThat(text(example.labels())).isEqualTo(".....5...");
  }

  @Test
  void appendsNoEndWhereTheTemplateWritesOneOrTheUserHasTheLastWord() {
    ChatEncoder ending =
        messages -> new ChatText("u5" + (char) EOS + "\n", List.of(new ChatText.Turn(1, 4)));
    ExampleEncoder encoder =
        new ExampleEncoder(CHARACTERS, ending, EOS, VOCAB_SIZE, PromptTemplate.ALPACA, 256, false);

    assertThat(text(onlyExample(encoder, chat("user", "u", "assistant", "5")).labels()))
        .isEqualTo(".5" + (char) EOS + "\n");
    assertThat(
            text(
                onlyExample(
                        encoder(CHARACTERS, 256, false),
                        chat("user", "a", "assistant", "5", "user", "b"))
                    .labels()))
        .isEqualTo("....5]...");
  }

  @Test
  void startsAndEndsATextOnce() {
    ExampleEncoder encoder = encoder(CHARACTERS, 256, false);

    assertThat(encoder.whole(new Text("ab", true, true)))
        .isEqualTo(new Example(ids(BOS, 'a', 'b', EOS), ids(BOS, 'a', 'b', EOS)));
    assertThat(encoder.whole(new Text("ab", false, false)))
        .isEqualTo(new Example(ids('a', 'b'), ids('a', 'b')));
  }

  @Test
  void takesTokensAsTheyAre() {
    assertThat(
            onlyExample(
                encoder(CHARACTERS, 3, false),
                new Tokenized(List.of(1, 5, 6), List.of(-100, 5, -100))))
        .isEqualTo(new Example(ids(1, 5, 6), ids(-100, 5, -100)));
  }

  @Test
  void rejectsIdsOutsideTheVocabulary() {
    ExampleEncoder encoder = encoder(CHARACTERS, 256, false);

    assertThatThrownBy(() -> encoder.whole(new Tokenized(List.of(1, 200), List.of(-100, -100))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("input_ids[1] = 200 is outside the model's vocabulary, expected 0 to 199");
    assertThatThrownBy(() -> encoder.whole(new Tokenized(List.of(1, 5), List.of(-100, 300))))
        .hasMessage("labels[1] = 300 is outside the model's vocabulary, expected 0 to 199");
  }

  @Test
  void rejectsAnEndOutsideTheVocabulary() {
    assertThatThrownBy(
            () -> new ExampleEncoder(CHARACTERS, MARKS, 7, 7, PromptTemplate.ALPACA, 256, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("eos_token_id must be between 0 and vocab_size - 1 = 6, got 7");
  }

  @Test
  void rejectsACutoffThatLeavesNothingToPredict() {
    assertThatThrownBy(() -> encoder(CHARACTERS, 1, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("cutoff_len must be >= 2, got 1");
  }

  private static ExampleEncoder encoder(Encoder encoder, int cutoffLen, boolean trainOnInputs) {
    return new ExampleEncoder(
        encoder, MARKS, EOS, VOCAB_SIZE, PromptTemplate.ALPACA, cutoffLen, trainOnInputs);
  }

  private static Example onlyExample(ExampleEncoder encoder, TrainingRecord record) {
    return encoder.whole(record).truncated(encoder.cutoffLen());
  }

  private static Conversation chat(String... rolesAndContents) {
    List<ChatMessage> messages = new ArrayList<>();
    for (int i = 0; i < rolesAndContents.length; i += 2) {
      messages.add(new ChatMessage(rolesAndContents[i], rolesAndContents[i + 1]));
    }
    return new Conversation(messages);
  }

  /** The characters of {@code ids}, a point for -100. */
  private static String text(int[] ids) {
    StringBuilder text = new StringBuilder();
    Arrays.stream(ids).forEach(id -> text.append((char) (id == -100 ? '.' : id)));
    return text.toString();
  }

  private static int[] ids(int... ids) {
    return ids;
  }
}
