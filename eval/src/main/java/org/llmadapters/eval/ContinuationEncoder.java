package org.llmadapters.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.TokenScorer.Sequence;

/**
 * Splits a context and what follows it into tokens: the continuation has those of {@code
 * encode(context + continuation)} that come after as many as {@code encode(context)} has. White
 * space that ends the context goes to the continuation before, for tokens mostly begin with it.
 * After an empty context, the continuation follows the token that begins a text or, where the
 * tokenizer knows none, the one that ends it.
 *
 * <pre>
 *   "The sky is ", "blue"  ->  encode("The sky is"), encode("The sky is blue") from there on
 * </pre>
 *
 * <p>Source: EleutherAI/lm-evaluation-harness, {@code TemplateLM._encode_pair} and {@code
 * loglikelihood} in {@code lm_eval/api/model.py}.
 */
final class ContinuationEncoder {
  private final Tokenizer tokenizer;

  ContinuationEncoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * The tokens of both, those of the continuation to be scored.
   *
   * @throws IllegalArgumentException if the continuation has no token of its own, or nothing comes
   *     before it
   */
  Sequence encode(String context, String continuation) {
    int end = context.length();
    while (end > 0 && isSpace(context.charAt(end - 1))) {
      end--;
    }
    if (end == 0) {
      return afterStart(context + continuation);
    }
    int[] whole = tokenizer.encode(context + continuation, true);
    int from = tokenizer.encode(context.substring(0, end), true).length;
    return sequence(Arrays.stream(whole).boxed().toList(), from, continuation);
  }

  private Sequence afterStart(String continuation) {
    OptionalInt start = tokenizer.bosId().isPresent() ? tokenizer.bosId() : tokenizer.eosId();
    if (start.isEmpty()) {
      throw new IllegalArgumentException(
          "a context is empty, and the tokenizer has no token that begins or ends a text; give a"
              + " context");
    }
    List<Integer> tokens =
        new ArrayList<>(Arrays.stream(tokenizer.encode(continuation, false)).boxed().toList());
    if (tokens.isEmpty() || tokens.get(0) != start.getAsInt()) {
      tokens.add(0, start.getAsInt());
    }
    return sequence(tokens, 1, continuation);
  }

  private static Sequence sequence(List<Integer> tokens, int from, String continuation) {
    if (from >= tokens.size()) {
      throw new IllegalArgumentException(
          "the continuation \"" + continuation + "\" has no token of its own after its context");
    }
    return new Sequence(tokens, from);
  }

  /** What Python's {@code str.rstrip} takes for white space. */
  static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }
}
