package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.eval.AdapterStack;
import org.llmadapters.eval.TokenScorer;
import org.llmadapters.eval.TokenScorer.Sequence;
import org.llmadapters.graph.config.WeightDtype;

/** Log-likelihoods of sequences, from checkpoint to sum, against Hugging Face's logits. */
final class ScoringParityTest {
  /**
   * Of a logarithm, of which each sum has up to ten: what a mean of them differs by between
   * versions of the reference, {@link Parity#LOSS}, and the rounding of logits.
   */
  private static final double TOLERANCE = 2e-5;

  @TempDir private Path directory;

  /** The adapters' names below the family, the base first. */
  @ParameterizedTest
  @CsvSource({
    "llama, lora-mts prompt prefix",
    "bloom, lora-bias",
    "opt-350m, ''",
    "gptj, lla-parallel"
  })
  void sumsAreThoseOfHuggingFacesLogits(String family, String adapters) throws IOException {
    BaseModel base = Parity.base(directory, family + "/base", WeightDtype.FLOAT32);
    List<AdapterStack> stacks = new ArrayList<>(List.of(AdapterStack.BASE));
    for (String adapter : adapters.isEmpty() ? new String[0] : adapters.split(" ", -1)) {
      stacks.add(new AdapterStack(adapter, List.of(Golden.path(family + "/adapters/" + adapter))));
    }
    try (TokenScorer scorer = TokenScorer.open(base, stacks)) {
      for (AdapterStack stack : stacks) {
        scorer.use(stack.name());
        String values = stack.directories().isEmpty() ? "" : "/adapters/" + stack.name();
        try (Golden golden = Golden.open(family + values)) {
          check(scorer, golden, stack.name());
        }
      }
    }
  }

  private static void check(TokenScorer scorer, Golden golden, String name) throws IOException {
    int[][] ids = golden.matrix("right.input_ids");
    int[][] mask = golden.matrix("right.attention_mask");
    float[] logits = golden.ofTokens("right.logits");
    int vocabSize = logits.length / ids.length / ids[0].length;
    List<Sequence> sequences = new ArrayList<>();
    List<Double> expected = new ArrayList<>();
    for (int row = 0; row < ids.length; row++) {
      int length = Arrays.stream(mask[row]).sum();
      int from = 1 + row; // one has all its tokens scored, the next all but one
      sequences.add(new Sequence(Arrays.stream(ids[row], 0, length).boxed().toList(), from));
      double sum = 0;
      for (int i = from; i < length; i++) {
        int start = (row * ids[row].length + i - 1) * vocabSize;
        sum += logSoftmax(Arrays.copyOfRange(logits, start, start + vocabSize), ids[row][i]);
      }
      expected.add(sum);
    }
    for (int batchSize : new int[] {1, ids.length}) {
      List<Double> sums = scorer.score(sequences, batchSize, finished -> {});
      for (int row = 0; row < ids.length; row++) {
        assertThat(sums.get(row))
            .as("%s, row %d, batch size %d", name, row, batchSize)
            .isCloseTo(expected.get(row), within(TOLERANCE * sequences.get(row).tokens().size()));
      }
    }
  }

  private static double logSoftmax(float[] logits, int token) {
    double all = 0;
    for (float logit : logits) {
      all += Math.exp(logit);
    }
    return logits[token] - Math.log(all);
  }
}
