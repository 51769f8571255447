package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.compile.BeamConfig.EarlyStopping;

/** Two beams, the end token 9, scores that are easy to divide. */
final class BeamSearchTest {
  private static final int END = 9;

  private static BeamSearch search(double lengthPenalty, EarlyStopping early, int maxNewTokens) {
    return new BeamSearch(
        new BeamConfig(2, lengthPenalty, early),
        tokens -> tokens.get(tokens.size() - 1) == END,
        maxNewTokens);
  }

  /** Continuations of the prompt: beam 0 is all there is. */
  private static void first(BeamSearch search, float[] scores, int... tokens) {
    search.advance(scores, new int[tokens.length], tokens);
  }

  @Test
  void followsTheBestThatDoNotEnd() {
    BeamSearch search = search(1, EarlyStopping.FALSE, 10);
    first(search, new float[] {-1, -2, -3, -4}, 5, END, 6, 7);
    assertThat(search.running())
        .containsExactly(
            new BeamSearch.Running(0, List.of(5), -1), new BeamSearch.Running(0, List.of(6), -3));
    assertThat(search.best()).isEqualTo(new BeamSearch.Hypothesis(List.of(END), -2));
    search.advance(
        new float[] {-1.5f, -3.5f, -4, -5}, new int[] {1, 0, 1, 0}, new int[] {3, 4, 5, 6});
    assertThat(search.running())
        .containsExactly(
            new BeamSearch.Running(1, List.of(6, 3), -1.5f),
            new BeamSearch.Running(0, List.of(5, 4), -3.5f));
  }

  /** The third of the candidates of two beams is not worth finishing. */
  @Test
  void anEndBehindTheBestTwoIsDropped() {
    BeamSearch search = search(1, EarlyStopping.FALSE, 10);
    first(search, new float[] {-1, -2, -3, -4}, 5, 6, END, 7);
    assertThat(search.running()).extracting(BeamSearch.Running::score).containsExactly(-1f, -2f);
    assertThat(search.best()).isEqualTo(new BeamSearch.Hypothesis(List.of(5), -1));
  }

  @Test
  void theScoreIsDividedByTheLengthToThePower() {
    BeamSearch search = search(0.5, EarlyStopping.FALSE, 10);
    first(search, new float[] {-1, -2, -3, -4}, 5, 6, 7, 8);
    search.advance(new float[] {-3, -4, -5, -6}, new int[] {0, 1, 0, 1}, new int[] {END, 3, 4, 5});
    assertThat(search.best().tokens()).containsExactly(5, END);
    assertThat(search.best().score()).isCloseTo((float) (-3 / Math.sqrt(2)), within(1e-6f));
  }

  @Test
  void allEndsWhenNoTokenMayFollow() {
    BeamSearch search = search(1, EarlyStopping.FALSE, 1);
    first(search, new float[] {-1, -2, -3, -4}, 5, 6, 7, 8);
    assertThat(search.ended()).isTrue();
    assertThat(search.best()).isEqualTo(new BeamSearch.Hypothesis(List.of(5), -1));
  }

  /** Two are finished, but the running sequence of two tokens has -3 / 2, better than -2. */
  private static BeamSearch promising(EarlyStopping early) {
    BeamSearch search = search(1, early, 10);
    first(search, new float[] {-1, -2, -3, -4}, 5, END, 6, 7);
    search.advance(
        new float[] {-2.9f, -3, -4, -5}, new int[] {0, 0, 1, 1}, new int[] {END, 3, 4, 5});
    return search;
  }

  @Test
  void goesOnWhileARunningSequenceWouldBeatTheWorstFinishedOne() {
    assertThat(promising(EarlyStopping.FALSE).ended()).isFalse();
    assertThat(promising(EarlyStopping.NEVER).ended()).isFalse();
  }

  @Test
  void earlyStoppingEndsAsSoonAsEnoughAreFinished() {
    BeamSearch search = promising(EarlyStopping.TRUE);
    assertThat(search.ended()).isTrue();
    assertThat(search.best()).isEqualTo(new BeamSearch.Hypothesis(List.of(5, END), -1.45f));
  }

  /** -4.2 after two tokens is -2.1, worse than -2; after ten it could still be -0.42. */
  @Test
  void neverGoesOnWhereALongerSequenceCouldWin() {
    for (EarlyStopping early : List.of(EarlyStopping.FALSE, EarlyStopping.NEVER)) {
      BeamSearch search = search(1, early, 10);
      first(search, new float[] {-1, -2, -3, -4}, 5, END, 6, 7);
      search.advance(
          new float[] {-3.9f, -4.1f, -4.2f, -5},
          new int[] {0, 0, 1, 1},
          new int[] {END, END, 4, 5});
      assertThat(search.ended()).isEqualTo(early == EarlyStopping.FALSE);
    }
  }

  @Test
  void nothingChangesOnceItHasEnded() {
    BeamSearch search = promising(EarlyStopping.TRUE);
    List<BeamSearch.Running> running = search.running();
    search.advance(
        new float[] {-0.1f, -0.2f, -4, -5}, new int[] {0, 0, 1, 1}, new int[] {END, 3, 4, 5});
    assertThat(search.running()).isEqualTo(running);
    assertThat(search.best().score()).isEqualTo(-1.45f);
  }

  @Test
  void needsEnoughCandidatesForBeamsThatEnd() {
    assertThat(BeamSearch.candidates(4, 0)).isEqualTo(8);
    assertThat(BeamSearch.candidates(4, 1)).isEqualTo(8);
    assertThat(BeamSearch.candidates(4, 3)).isEqualTo(16);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 257})
  void rejectsNumbersOfBeamsOutOfRange(int numBeams) {
    assertThatThrownBy(() -> new BeamConfig(numBeams, 1, EarlyStopping.FALSE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("num_beams must be between 1 and 256, got " + numBeams);
  }

  @Test
  void rejectsAPenaltyThatIsNoNumberAndAnUnknownWayToStop() {
    assertThatThrownBy(() -> new BeamConfig(2, Double.NaN, EarlyStopping.FALSE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("length_penalty must be in (-1000, 1000), got NaN");
    assertThatThrownBy(() -> EarlyStopping.of("maybe"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("early_stopping must be one of false, true, never, got maybe");
  }
}
