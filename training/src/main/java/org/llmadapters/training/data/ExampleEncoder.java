package org.llmadapters.training.data;

import com.google.common.primitives.Ints;
import java.util.Arrays;
import java.util.List;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.eval.prompt.ChatText;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.training.records.TrainingRecord;

/**
 * Makes an {@link Example} of each training record.
 *
 * <p>An instruction: the tokens of {@code prompt + output}, and the end-of-text token if it is not
 * there and still fits in {@code cutoffLen}. Labels are the ids, -100 for the prompt unless {@code
 * trainOnInputs}. Where the prompt ends, a tokenizer may merge its last characters with the
 * output's first; therefore the prompt's tokens are the longest common prefix of the tokens of
 * {@code prompt} and of {@code prompt + output}:
 *
 * <pre>
 *   tokens of "Q: 2+3 A: "      Q :  2+3  A :  _
 *   tokens of "Q: 2+3 A: 5"     Q :  2+3  A :  _5  &lt;/s&gt;
 *   labels                      -100 (5 times) _5  &lt;/s&gt;
 * </pre>
 *
 * LLM-Adapters instead leaves out as many tokens as the prompt alone has, here {@code _5} too.
 *
 * <p>A conversation: the tokens of its text, to which the tokenizer adds none; of the labels only
 * those of the assistant's turns are ids, what ends a turn included. Where a turn begins and ends,
 * the same rule holds as where a prompt ends. The end-of-text token is appended if it still fits,
 * the assistant has the last word, and that (with {@code trainOnInputs} the whole) has no such
 * token in it.
 *
 * <p>A text: its tokens, with those that the tokenizer puts before a text where it starts and the
 * end-of-text token where it ends; all are labels. Tokens are taken as they are.
 *
 * @param encoder the model's tokenizer
 * @param chat the model's chat template
 * @param eosTokenId ends a text
 * @param vocabSize every id must be below it
 * @param template makes a text of an instruction
 * @param cutoffLen {@code cutoff_len}: the most tokens of an example, at least 2
 * @param trainOnInputs {@code train_on_inputs}: whether all other tokens are predicted too
 */
public record ExampleEncoder(
    Encoder encoder,
    ChatEncoder chat,
    int eosTokenId,
    int vocabSize,
    PromptTemplate template,
    int cutoffLen,
    boolean trainOnInputs) {

  public ExampleEncoder {
    if (eosTokenId < 0 || eosTokenId >= vocabSize) {
      throw new IllegalArgumentException(
          "eos_token_id must be between 0 and vocab_size - 1 = "
              + (vocabSize - 1)
              + ", got "
              + eosTokenId);
    }
    if (cutoffLen < 2) {
      throw new IllegalArgumentException("cutoff_len must be >= 2, got " + cutoffLen);
    }
  }

  /**
   * The example of {@code record} before it is cut; it is longer than {@code cutoffLen} only if
   * tokens will be lost.
   *
   * @throws IllegalArgumentException if an id is outside the vocabulary, there are no tokens, or
   *     the chat template does not take the conversation
   */
  Example whole(TrainingRecord record) {
    Example example;
    if (record instanceof TrainingRecord.Alpaca instruction) {
      example = whole(instruction);
    } else if (record instanceof TrainingRecord.Conversation conversation) {
      example = whole(conversation);
    } else if (record instanceof TrainingRecord.Text text) {
      example = whole(text);
    } else {
      TrainingRecord.Tokenized tokens = (TrainingRecord.Tokenized) record;
      example = new Example(Ints.toArray(tokens.inputIds()), Ints.toArray(tokens.labels()));
    }
    requireVocabulary(example);
    return example;
  }

  private Example whole(TrainingRecord.Alpaca text) {
    int[] tokens =
        encoder.encode(template.full(text.instruction(), text.input(), text.output()), true);
    boolean ended = tokens.length > 0 && tokens[tokens.length - 1] == eosTokenId;
    int[] inputIds = ended || tokens.length >= cutoffLen ? tokens : append(tokens, eosTokenId);
    int[] labels = inputIds.clone();
    if (!trainOnInputs) {
      int[] prompt = encoder.encode(template.prompt(text.instruction(), text.input()), true);
      Arrays.fill(labels, 0, common(prompt, tokens), Example.IGNORED_LABEL);
    }
    return new Example(inputIds, labels);
  }

  private Example whole(TrainingRecord.Conversation conversation) {
    ChatText written = chat.turns(conversation.messages());
    int[] tokens = encoder.encode(written.text(), false);
    int[] labels = new int[tokens.length];
    Arrays.fill(labels, Example.IGNORED_LABEL);
    int lastTurn = 0;
    for (ChatText.Turn turn : written.turns()) {
      int first = tokensUpTo(turn.start(), written.text(), tokens);
      int end = tokensUpTo(turn.end(), written.text(), tokens);
      System.arraycopy(tokens, first, labels, first, Math.max(0, end - first));
      lastTurn = first;
    }
    if (trainOnInputs) {
      labels = tokens.clone();
    }
    List<ChatMessage> messages = conversation.messages();
    boolean ended =
        Arrays.stream(tokens).skip(lastTurn).anyMatch(id -> id == eosTokenId)
            || !messages.get(messages.size() - 1).isAssistant();
    return ended || tokens.length >= cutoffLen
        ? new Example(tokens, labels)
        : new Example(append(tokens, eosTokenId), append(labels, eosTokenId));
  }

  /** How many of {@code tokens}, those of {@code text}, its first characters have. */
  private int tokensUpTo(int characters, String text, int[] tokens) {
    return characters == text.length()
        ? tokens.length
        : common(encoder.encode(text.substring(0, characters), false), tokens);
  }

  private Example whole(TrainingRecord.Text text) {
    int[] tokens = encoder.encode(text.text(), text.starts());
    boolean ended = tokens.length > 0 && tokens[tokens.length - 1] == eosTokenId;
    int[] inputIds = text.ends() && !ended ? append(tokens, eosTokenId) : tokens;
    return new Example(inputIds, inputIds);
  }

  /** How many tokens the two have in common at the start. */
  private static int common(int[] part, int[] whole) {
    int firstDifference = Arrays.mismatch(part, whole);
    return firstDifference < 0 ? whole.length : firstDifference;
  }

  private static int[] append(int[] tokens, int token) {
    int[] longer = Arrays.copyOf(tokens, tokens.length + 1);
    longer[tokens.length] = token;
    return longer;
  }

  private void requireVocabulary(Example example) {
    requireVocabulary("input_ids", example.inputIds());
    requireVocabulary("labels", example.labels());
  }

  private void requireVocabulary(String name, int[] ids) {
    for (int t = 0; t < ids.length; t++) {
      boolean ignored = name.equals("labels") && ids[t] == Example.IGNORED_LABEL;
      if (!ignored && (ids[t] < 0 || ids[t] >= vocabSize)) {
        throw new IllegalArgumentException(
            String.format(
                "%s[%d] = %d is outside the model's vocabulary, expected 0 to %d",
                name, t, ids[t], vocabSize - 1));
      }
    }
  }
}
