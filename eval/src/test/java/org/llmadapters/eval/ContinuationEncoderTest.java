package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.TokenScorer.Sequence;

final class ContinuationEncoderTest {
  /** Characters, but for {@code ab}, which is one token; may begin a text with 1. */
  private record Characters(OptionalInt bosId, OptionalInt eosId) implements Tokenizer {
    @Override
    public int[] encode(String text, boolean addSpecialTokens) {
      String merged = text.replace("ab", "\u0100");
      return (addSpecialTokens && bosId.isPresent() ? "\u0001" + merged : merged).chars().toArray();
    }

    @Override
    public String decode(int[] ids, boolean skipSpecialTokens) {
      throw new UnsupportedOperationException();
    }

    @Override
    public OptionalInt padId() {
      return OptionalInt.empty();
    }

    @Override
    public int vocabSize() {
      return 0x101;
    }

    @Override
    public void close() {}
  }

  private static final ContinuationEncoder WITH_BOS =
      new ContinuationEncoder(new Characters(OptionalInt.of(1), OptionalInt.of(2)));
  private static final ContinuationEncoder WITHOUT_BOS =
      new ContinuationEncoder(new Characters(OptionalInt.empty(), OptionalInt.of(2)));

  private static Sequence sequence(int from, Object... tokens) {
    return new Sequence(
        List.of(tokens).stream()
            .map(t -> t instanceof String c ? (int) c.charAt(0) : (int) t)
            .toList(),
        from);
  }

  @Test
  void theContinuationHasWhatTheContextHasNot() {
    assertThat(WITH_BOS.encode("x", " y")).isEqualTo(sequence(2, 1, "x", " ", "y"));
    assertThat(WITHOUT_BOS.encode("x", " y")).isEqualTo(sequence(1, "x", " ", "y"));
  }

  @Test
  void spaceAtTheEndOfTheContextBelongsToTheContinuation() {
    assertThat(WITH_BOS.encode("x \n\u00A0", "y"))
        .isEqualTo(sequence(2, 1, "x", " ", "\n", "\u00A0", "y"));
  }

  /** Both are encoded together: as many tokens as the context alone has are the context's. */
  @Test
  void aTokenAcrossTheBorderIsTheContexts() {
    assertThat(WITH_BOS.encode("xa", "by")).isEqualTo(sequence(3, 1, "x", "\u0100", "y"));
  }

  @Test
  void anEmptyContextIsTheTokenThatBeginsOrEndsAText() {
    assertThat(WITH_BOS.encode("", "y")).isEqualTo(sequence(1, 1, "y"));
    assertThat(WITH_BOS.encode(" ", "y")).isEqualTo(sequence(1, 1, " ", "y"));
    assertThat(WITHOUT_BOS.encode("", "yz")).isEqualTo(sequence(1, 2, "y", "z"));
    assertThat(WITHOUT_BOS.encode("", "\u0002z")).isEqualTo(sequence(1, 2, "z"));
  }

  @Test
  void refusesWhatHasNothingToScoreOrNothingBefore() {
    assertThatThrownBy(() -> WITH_BOS.encode("xa", "b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the continuation \"b\" has no token of its own after its context");
    ContinuationEncoder bare =
        new ContinuationEncoder(new Characters(OptionalInt.empty(), OptionalInt.empty()));
    assertThatThrownBy(() -> bare.encode("", "y"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "a context is empty, and the tokenizer has no token that begins or ends a text; give a"
                + " context");
  }
}
