package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.Ints;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.config.WeightDtype;

/** Drawing, the repetition penalty and padding, against the slow way of {@link TinyModel}. */
final class TokenDecoderTest {
  private static final int NEW_TOKENS = 12;
  private static final long SEED = 11;
  private static final SamplingConfig DRAWN = new SamplingConfig(true, 1.5, 20, 0.9, 1.4);

  private static final List<int[]> PROMPTS =
      List.of(
          new int[] {5, 9, 30, 2, 17},
          new int[] {11},
          new int[] {8, 8, 21},
          new int[] {3, 4, 5, 6, 7, 8},
          new int[] {36, 35});

  private static final TinyModel model = new TinyModel(2, List.of());

  @AfterAll
  static void closeModel() {
    model.close();
  }

  private static TokenDecoder decoder(SamplingConfig sampling, boolean xla) {
    return new TokenDecoder(
        model.session,
        model.base.graphDef(),
        model.config,
        WeightDtype.FLOAT32,
        List.of(),
        sampling,
        xla);
  }

  /** Of the prompts called {@code items}, in rows of {@code columns}. */
  private static List<List<Integer>> generate(
      TokenDecoder decoder, long seed, int columns, Integer... items) {
    List<int[]> prompts = Arrays.stream(items).map(PROMPTS::get).toList();
    int[][] tokens =
        decoder.generate(
            TinyModel.padded(prompts, columns),
            TinyModel.mask(prompts, columns),
            new RandomNumbers(seed, List.of(items)),
            NEW_TOKENS,
            NEW_TOKENS,
            5,
            chosen -> true);
    return Arrays.stream(tokens).map(Ints::asList).toList();
  }

  /** Token after token from the whole sequence without a cache, all but the logits in Java. */
  private static List<Integer> expected(int item, SamplingConfig sampling) {
    float[] uniforms = new RandomNumbers(SEED, List.of(item)).uniforms(NEW_TOKENS)[0];
    int[] ids = PROMPTS.get(item);
    List<Integer> tokens = new ArrayList<>();
    for (int step = 0; step < NEW_TOKENS; step++) {
      float[] logits = penalised(model.nextLogits(ids), ids, sampling.repetitionPenalty());
      int token =
          sampling.doSample()
              ? drawn(NextTokenTest.reference(logits, sampling), uniforms[step])
              : TinyModel.argMax(logits);
      tokens.add(token);
      ids = Arrays.copyOf(ids, ids.length + 1);
      ids[ids.length - 1] = token;
    }
    return tokens;
  }

  private static float[] penalised(float[] scores, int[] ids, double penalty) {
    Set<Integer> occurred = new HashSet<>(Ints.asList(ids));
    float[] penalised = scores.clone();
    for (int id : occurred) {
      penalised[id] *= (float) (scores[id] < 0 ? penalty : 1 / penalty);
    }
    return penalised;
  }

  private static int drawn(double[] probabilities, double uniform) {
    double sum = 0;
    for (int id = 0; id < probabilities.length; id++) {
      sum += probabilities[id];
      if (sum > uniform) {
        return id;
      }
    }
    throw new AssertionError("the probabilities sum to " + sum);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void drawsTheTokensOfTheDefinitionInAnyCompanyAndPadding(boolean xla) {
    List<List<Integer>> expected =
        IntStream.range(0, PROMPTS.size()).mapToObj(item -> expected(item, DRAWN)).toList();
    try (TokenDecoder decoder = decoder(DRAWN, xla)) {
      assertThat(generate(decoder, SEED, 6, 0, 1, 2, 3, 4)).isEqualTo(expected);
      assertThat(generate(decoder, SEED, 9, 4, 1, 3))
          .containsExactly(expected.get(4), expected.get(1), expected.get(3));
      assertThat(generate(decoder, SEED, 3, 2)).containsExactly(expected.get(2));
      assertThat(generate(decoder, SEED + 1, 6, 0, 1, 2, 3, 4))
          .allSatisfy(answer -> assertThat(expected).doesNotContain(answer));
    }
  }

  @Test
  void penalisesRepetitionsOfThePromptAndOfWhatWasChosenWithoutDrawing() {
    SamplingConfig sampling = new SamplingConfig(false, 1, 50, 1, 1.4);
    try (TokenDecoder decoder = decoder(sampling, false)) {
      List<List<Integer>> found = generate(decoder, SEED, 8, 0, 1, 2, 3, 4);
      for (int item = 0; item < PROMPTS.size(); item++) {
        assertThat(found.get(item))
            .isEqualTo(expected(item, sampling))
            .isNotEqualTo(expected(item, SamplingConfig.GREEDY));
      }
    }
  }

  /** A candidate for {@link BeamSearch#advance}. */
  private record Candidate(int beam, int token, float score) {}

  private static List<Integer> searched(int item, BeamConfig beams, double penalty) {
    BeamSearch search = new BeamSearch(beams, tokens -> false, NEW_TOKENS);
    while (!search.ended()) {
      List<Candidate> candidates = new ArrayList<>();
      List<BeamSearch.Running> running = search.running();
      for (int beam = 0; beam < running.size(); beam++) {
        int[] ids = Ints.concat(PROMPTS.get(item), Ints.toArray(running.get(beam).tokens()));
        float[] scores = penalised(logProbabilities(model.nextLogits(ids)), ids, penalty);
        for (int token = 0; token < scores.length; token++) {
          candidates.add(new Candidate(beam, token, running.get(beam).score() + scores[token]));
        }
      }
      candidates.sort(Comparator.comparing(Candidate::score, Comparator.reverseOrder()));
      List<Candidate> best = candidates.subList(0, 2 * beams.numBeams());
      float[] scores = new float[best.size()];
      for (int i = 0; i < scores.length; i++) {
        scores[i] = best.get(i).score();
      }
      search.advance(
          scores,
          best.stream().mapToInt(Candidate::beam).toArray(),
          best.stream().mapToInt(Candidate::token).toArray());
    }
    return search.best().tokens();
  }

  private static float[] logProbabilities(float[] logits) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    float[] values = new float[logits.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (logits[i] - Math.log(sum));
    }
    return values;
  }

  @Test
  void beamsArePenalisedByTheirOwnTokensInAnyCompanyAndPadding() {
    BeamConfig beams = new BeamConfig(3, 1, BeamConfig.EarlyStopping.FALSE);
    double penalty = 1.6;
    try (BeamDecoder decoder =
        new BeamDecoder(
            model.session,
            model.base.graphDef(),
            model.config,
            WeightDtype.FLOAT32,
            List.of(),
            beams,
            penalty)) {
      List<List<Integer>> expected =
          IntStream.range(0, PROMPTS.size())
              .mapToObj(item -> searched(item, beams, penalty))
              .toList();
      assertThat(expected.get(0)).isNotEqualTo(searched(0, beams, 1));
      for (int columns : new int[] {6, 10}) {
        List<BeamDecoder.Found> found =
            decoder.generate(
                TinyModel.padded(PROMPTS, columns),
                TinyModel.mask(PROMPTS, columns),
                NEW_TOKENS,
                tokens -> false,
                length -> true);
        assertThat(found).extracting(BeamDecoder.Found::tokens).isEqualTo(expected);
      }
    }
  }
}
