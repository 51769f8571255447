package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.eval.TokenScorer.Sequence;
import org.llmadapters.graph.compile.SessionOptions;

/** Sums of log-probabilities, against the logits of whole sequences. */
final class TokenScorerTest {
  /** Logits reach some thousands, where float32 has 2.4e-4, and up to five of them are added. */
  private static final double ROUNDING = 2e-3;

  private static final List<String> STACKS = List.of("base", "lora", "prompt", "both", "head");

  @TempDir private static Path shared;
  private static TokenScorer scorer;
  private static Generator generator;

  @BeforeAll
  static void open() throws IOException {
    BaseModel base = BaseModel.open(NumberModel.write(shared));
    Path lora = AdapterFiles.random(shared.resolve("l"), base, AdapterFiles.lora(2, 4), 1);
    Path prompt = AdapterFiles.random(shared.resolve("p"), base, AdapterFiles.prompt(), 2);
    LoraConfig ofHead = new LoraConfig(2, 4, 0, TargetModules.of("lm_head"));
    Path head = AdapterFiles.random(shared.resolve("h"), base, ofHead, 3);
    List<AdapterStack> stacks =
        List.of(
            AdapterStack.BASE,
            new AdapterStack("lora", List.of(lora)),
            new AdapterStack("prompt", List.of(prompt)),
            new AdapterStack("both", List.of(lora, prompt)),
            new AdapterStack("head", List.of(lora, head)));
    scorer = TokenScorer.open(base, stacks);
    generator = Generator.open(base, stacks, Compile.OFF);
  }

  @AfterAll
  static void close() {
    scorer.close();
    generator.close();
  }

  /** Of mutually unequal lengths, scored from their second, last and some token on. */
  private static List<Sequence> sequences() {
    Random random = new Random(5);
    List<Sequence> sequences = new ArrayList<>();
    for (int length : new int[] {2, 9, 4, 13, 7, 3, 5}) {
      int from = length == 9 ? 8 : 1 + length / 3;
      sequences.add(
          new Sequence(random.ints(length, 0, 9).boxed().toList(), Math.min(from, length - 1)));
    }
    return sequences;
  }

  /** The same from the logits, one sequence after the other, in double. */
  private static double expected(Sequence sequence) {
    int[] ids = sequence.tokens().stream().mapToInt(Integer::intValue).toArray();
    int[] mask = new int[ids.length];
    Arrays.fill(mask, 1);
    float[][] logits = generator.logits(new int[][] {ids}, new int[][] {mask})[0];
    double sum = 0;
    for (int i = sequence.from(); i < ids.length; i++) {
      sum += logSoftmax(logits[i - 1], ids[i]);
    }
    return sum;
  }

  static double logSoftmax(float[] logits, int token) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double all = 0;
    for (float logit : logits) {
      all += Math.exp(logit - largest);
    }
    return logits[token] - largest - Math.log(all);
  }

  @Test
  void sumsAreThoseOfTheLogitsWhateverTheBatchSizeAndTheAdapters() {
    List<Sequence> sequences = sequences();
    for (String stack : STACKS) {
      scorer.use(stack);
      generator.use(stack);
      for (int batchSize : new int[] {1, 3, 16}) {
        List<Double> sums = scorer.score(sequences, batchSize, finished -> {});
        for (int i = 0; i < sums.size(); i++) {
          assertThat(sums.get(i))
              .as("%s, batch size %d, %s", stack, batchSize, sequences.get(i))
              .isCloseTo(expected(sequences.get(i)), within(ROUNDING));
        }
      }
    }
  }

  /** Padded to 64 tokens, 16 of them scored, 3 rows: one program for all batches. */
  @Test
  void compiledBatchesShareOneShape() throws IOException {
    BaseModel base = BaseModel.open(shared.resolve("model"));
    SessionOptions options = SessionOptions.oneReplica();
    try (TokenScorer compiled =
        TokenScorer.open(base, List.of(AdapterStack.BASE), Compile.ON, options)) {
      List<Sequence> sequences = sequences();
      List<Double> sums = compiled.score(sequences, 3, finished -> {});
      generator.use("base");
      for (int i = 0; i < sums.size(); i++) {
        assertThat(sums.get(i)).isCloseTo(expected(sequences.get(i)), within(ROUNDING));
      }
      assertThat(compiled.shapes()).isEqualTo(1);
      // The model takes 256 tokens: no padding beyond them.
      Sequence longest = new Sequence(new Random(3).ints(256, 0, 9).boxed().toList(), 240);
      assertThat(compiled.score(List.of(longest), 1, finished -> {}).get(0))
          .isCloseTo(expected(longest), within(ROUNDING));
      assertThat(compiled.shapes()).isEqualTo(2);
    }
  }

  @Test
  void theAdaptersMakeADifference() {
    List<List<Double>> sums = new ArrayList<>();
    for (String stack : STACKS) {
      scorer.use(stack);
      sums.add(scorer.score(sequences(), 4, finished -> {}));
    }
    assertThat(sums).doesNotHaveDuplicates();
  }

  @Test
  void reportsEverySequenceOnce() {
    Map<Integer, Double> reported = new ConcurrentHashMap<>();
    scorer.use("base");
    List<Double> sums =
        scorer.score(
            sequences(),
            3,
            finished ->
                finished.forEach((number, sum) -> assertThat(reported.put(number, sum)).isNull()));
    for (int i = 0; i < sums.size(); i++) {
      assertThat(reported).containsEntry(i, sums.get(i));
    }
  }

  @Test
  void virtualTokensTakeRoom() {
    scorer.use("base");
    assertThat(scorer.maxLength()).hasValue(256);
    scorer.use("prompt");
    assertThat(scorer.maxLength()).hasValue(253);
    Sequence sequence = new Sequence(new Random(1).ints(254, 0, 9).boxed().toList(), 250);
    assertThatThrownBy(() -> scorer.score(List.of(sequence), 1, finished -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "a prompt and a choice of together 254 tokens exceed the 253 that the model takes");
  }

  @Test
  void refusesANameThatWasNotLoaded() {
    assertThatThrownBy(() -> scorer.use("lara"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no adapter is called \"lara\"; there are base, lora, prompt, both, head");
  }

  @Test
  void aSequenceNeedsATokenBeforeTheFirstThatIsScored() {
    assertThatThrownBy(() -> new Sequence(List.of(1, 2), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a scored sequence needs 1 <= from < its 2 tokens, got from 0");
    assertThatThrownBy(() -> new Sequence(List.of(1, 2), 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a scored sequence needs 1 <= from < its 2 tokens, got from 2");
  }
}
