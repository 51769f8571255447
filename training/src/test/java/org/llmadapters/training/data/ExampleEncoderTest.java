package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.data.TrainingRecord.Alpaca;
import org.llmadapters.training.data.TrainingRecord.Tokenized;

final class ExampleEncoderTest {

  private static final Path FILE = Path.of("train.json");
  private static final int BOS = 1;
  private static final int EOS = 2;
  private static final int VOCAB_SIZE = 200;

  /** A character a token, after a BOS. The Alpaca prompt of "Add" is PROMPT of them. */
  private static final Encoder CHARACTERS =
      text -> IntStream.concat(IntStream.of(BOS), text.chars()).toArray();

  /** As above, but spaces and what follows them are one token, whose id is the last character. */
  private static final Encoder MERGING =
      text ->
          IntStream.concat(
                  IntStream.of(BOS),
                  Pattern.compile(" *[^ ]|[ ]+$")
                      .matcher(text)
                      .results()
                      .mapToInt(token -> token.group().charAt(token.group().length() - 1)))
              .toArray();

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
        new ExampleEncoder(MERGING, EOS, VOCAB_SIZE, PromptTemplate.LLM_ADAPTERS_TRAIN, 256, false);
    int[] prompt = MERGING.encode(PromptTemplate.LLM_ADAPTERS_TRAIN.prompt(ADD.instruction(), ""));

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
    Encoder ending = text -> IntStream.of(7, 8, text.length(), EOS).toArray();

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
  void takesTokensAsTheyAreAndCutsThem() {
    Example whole = new Example(ids(1, 5, 6, 7), ids(-100, 5, -100, 7));

    EncodedExamples cut = encode(encoder(CHARACTERS, 3, false), new Tokenized(whole));
    EncodedExamples fits = encode(encoder(CHARACTERS, 4, false), new Tokenized(whole));

    assertThat(cut.examples()).containsExactly(new Example(ids(1, 5, 6), ids(-100, 5, -100)));
    assertThat(cut.truncated()).isEqualTo(1);
    assertThat(fits.examples()).containsExactly(whole);
    assertThat(fits.truncated()).isZero();
  }

  @Test
  void reportsWhatItCutAndDropped() {
    EncodedExamples encoded =
        encode(
            encoder(CHARACTERS, PROMPT + 2, false),
            new Alpaca("Add", "", "56"),
            new Alpaca("Add", "", "567"),
            new Alpaca("Add all", "", "567"),
            new Tokenized(new Example(ids(1, 5), ids(1, -100))));

    assertThat(encoded.examples()).hasSize(2);
    assertThat(encoded.truncated()).isEqualTo(2);
    assertThat(encoded.dropped()).isEqualTo(2);
  }

  @Test
  void rejectsAFileWithoutATokenToPredict() {
    assertThatThrownBy(() -> encode(encoder(CHARACTERS, PROMPT, false), ADD, ADD))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            "train.json: none of 2 records has a token to predict within cutoff_len "
                + PROMPT
                + "; raise it, or set train_on_inputs");
  }

  @Test
  void namesTheRecordWhoseIdIsOutsideTheVocabulary() {
    Example sound = new Example(ids(1, 199), ids(-100, 199));
    Example badId = new Example(ids(1, 200), ids(-100, -100));
    Example badLabel = new Example(ids(1, 5), ids(-100, 300));

    assertThatThrownBy(
            () ->
                encode(
                    encoder(CHARACTERS, 256, false),
                    new Tokenized(sound),
                    new Tokenized(badId),
                    new Tokenized(badLabel)))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            "train.json: 2 of 3 records have an id outside the model's vocabulary, the first is"
                + " record 2: input_ids[1] = 200; expected 0 to 199");
    assertThatThrownBy(() -> encode(encoder(CHARACTERS, 256, false), new Tokenized(badLabel)))
        .hasMessageContaining("record 1: labels[1] = 300");
  }

  @Test
  void rejectsAnEndOutsideTheVocabulary() {
    assertThatThrownBy(
            () -> new ExampleEncoder(CHARACTERS, 7, 7, PromptTemplate.ALPACA, 256, false))
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
        encoder, EOS, VOCAB_SIZE, PromptTemplate.ALPACA, cutoffLen, trainOnInputs);
  }

  private static EncodedExamples encode(ExampleEncoder encoder, TrainingRecord... records) {
    return encoder.encode(new TrainingFile(FILE, List.of(records)));
  }

  private static Example onlyExample(ExampleEncoder encoder, TrainingRecord record) {
    List<Example> examples = encode(encoder, record).examples();
    assertThat(examples).hasSize(1);
    return examples.get(0);
  }

  private static int[] ids(int... ids) {
    return ids;
  }
}
