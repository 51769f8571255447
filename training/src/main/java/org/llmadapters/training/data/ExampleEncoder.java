package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.graph.FormatException;

/**
 * Makes an {@link Example} of each training record.
 *
 * <p>A text record: the tokens of {@code prompt + output}, cut after {@code cutoffLen}; the
 * end-of-text token is appended if it is not there and still fits. Labels are the ids, -100 for the
 * prompt unless {@code trainOnInputs}. Where the prompt ends, a tokenizer may merge its last
 * characters with the output's first; therefore the prompt's tokens are the longest common prefix
 * of the tokens of {@code prompt} and of {@code prompt + output}:
 *
 * <pre>
 *   tokens of "Q: 2+3 A: "      Q :  2+3  A :  _
 *   tokens of "Q: 2+3 A: 5"     Q :  2+3  A :  _5  &lt;/s&gt;
 *   labels                      -100 (5 times) _5  &lt;/s&gt;
 * </pre>
 *
 * LLM-Adapters instead leaves out as many tokens as the prompt alone has, here {@code _5} too.
 *
 * <p>A tokenized record is cut after {@code cutoffLen} and otherwise taken as it is.
 *
 * @param encoder the model's tokenizer, with its special tokens
 * @param eosTokenId ends a text
 * @param vocabSize every id must be below it
 * @param template makes a text of a record
 * @param cutoffLen {@code cutoff_len}: the most tokens of an example, at least 2
 * @param trainOnInputs {@code train_on_inputs}: whether the prompt's tokens are predicted too
 */
public record ExampleEncoder(
    Encoder encoder,
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
   * The examples of {@code file}.
   *
   * @throws FormatException if an id is outside the vocabulary, naming the record, or if no record
   *     has a token to predict
   */
  public EncodedExamples encode(TrainingFile file) {
    List<Example> examples = new ArrayList<>();
    List<String> outside = new ArrayList<>();
    int truncated = 0;
    // Tokenizers may be used by several threads at once, and take most of the time.
    List<Example> wholes = file.records().parallelStream().map(this::whole).toList();
    for (int i = 0; i < wholes.size(); i++) {
      Example whole = wholes.get(i);
      int record = i + 1;
      idOutsideVocabulary(whole).ifPresent(id -> outside.add("record " + record + ": " + id));
      truncated += whole.length() > cutoffLen ? 1 : 0;
      Example example = whole.truncated(cutoffLen);
      if (example.countedTokens() > 0) {
        examples.add(example);
      }
    }
    if (!outside.isEmpty()) {
      throw new FormatException(
          file.file(),
          "%d of %d records have an id outside the model's vocabulary, the first is %s;"
              + " expected 0 to %d",
          outside.size(),
          file.records().size(),
          outside.get(0),
          vocabSize - 1);
    }
    if (examples.isEmpty()) {
      throw new FormatException(
          file.file(),
          "none of %d records has a token to predict within cutoff_len %d;"
              + " raise it, or set train_on_inputs",
          file.records().size(),
          cutoffLen);
    }
    return new EncodedExamples(examples, truncated, file.records().size() - examples.size());
  }

  /** The example before it is cut, which is longer than cutoffLen only if tokens will be lost. */
  private Example whole(TrainingRecord record) {
    if (record instanceof TrainingRecord.Alpaca text) {
      return whole(text);
    }
    return ((TrainingRecord.Tokenized) record).example();
  }

  private Example whole(TrainingRecord.Alpaca text) {
    int[] tokens = encoder.encode(template.full(text.instruction(), text.input(), text.output()));
    boolean ended = tokens.length > 0 && tokens[tokens.length - 1] == eosTokenId;
    int[] inputIds = tokens;
    if (!ended && tokens.length < cutoffLen) {
      inputIds = Arrays.copyOf(tokens, tokens.length + 1);
      inputIds[tokens.length] = eosTokenId;
    }
    int[] labels = inputIds.clone();
    if (!trainOnInputs) {
      int[] prompt = encoder.encode(template.prompt(text.instruction(), text.input()));
      int firstDifference = Arrays.mismatch(prompt, tokens);
      int promptTokens = firstDifference < 0 ? tokens.length : firstDifference;
      Arrays.fill(labels, 0, promptTokens, Example.IGNORED_LABEL);
    }
    return new Example(inputIds, labels);
  }

  private Optional<String> idOutsideVocabulary(Example example) {
    int[] inputIds = example.inputIds();
    int[] labels = example.labels();
    for (int t = 0; t < inputIds.length; t++) {
      if (inputIds[t] < 0 || inputIds[t] >= vocabSize) {
        return Optional.of("input_ids[" + t + "] = " + inputIds[t]);
      }
      if (labels[t] != Example.IGNORED_LABEL && (labels[t] < 0 || labels[t] >= vocabSize)) {
        return Optional.of("labels[" + t + "] = " + labels[t]);
      }
    }
    return Optional.empty();
  }
}
