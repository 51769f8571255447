package org.llmadapters.eval;

import java.util.Arrays;

/** What happens to a text that has more tokens than the model has room for. */
public enum TooLong {
  /** It is an error. */
  REFUSE,
  /** Its first tokens are left out, as lm-evaluation-harness does it. */
  CUT;

  /** {@code tokens}, of which only the last {@code limit} are kept if they shall be cut. */
  int[] cut(int[] tokens, int limit) {
    return this == REFUSE || tokens.length <= limit || limit < 1
        ? tokens
        : Arrays.copyOfRange(tokens, tokens.length - limit, tokens.length);
  }
}
