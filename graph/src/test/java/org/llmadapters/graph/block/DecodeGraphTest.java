package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.graph.block.Evaluation.assertClose;
import static org.llmadapters.graph.block.TinyDecoder.V;
import static org.llmadapters.graph.block.TinyDecoder.ints;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.types.TInt32;

/** The decode graph gives the logits of the full one, whatever the pieces the tokens come in. */
final class DecodeGraphTest {
  private static final double FLOAT32_TOLERANCE = 1e-5;

  /** Two rows of 6 columns; the first row's tokens begin in column 2. */
  private static final int[][] IDS = {{0, 0, 4, 13, 1, 8}, {6, 16, 2, 2, 9, 5}};

  private static final int[][] MASK = {{0, 0, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}};

  /** More slots than tokens. */
  private static final int SLOTS = 9;

  static Stream<ModelConfig> configs() {
    return Stream.concat(DecoderModelTest.configs(), TinyDecoder.families());
  }

  @ParameterizedTest
  @MethodSource("configs")
  void tokenByTokenEqualsTheFullGraph(ModelConfig config) {
    check(config, List.of(1, 1, 1, 1, 1, 1), 0);
  }

  @ParameterizedTest
  @MethodSource("configs")
  void aPromptAndThenTokensEqualTheFullGraph(ModelConfig config) {
    check(config, List.of(3, 1, 2), 0);
    check(config, List.of(6), 0);
  }

  /** Slots behind the last token may be marked as real: they are in the future. */
  @ParameterizedTest
  @MethodSource("configs")
  void theMaskOfFutureSlotsDoesNotMatter(ModelConfig config) {
    check(config, List.of(3, 1, 2), 1);
  }

  private static void check(ModelConfig config, List<Integer> pieces, int maskOfFuture) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    float[] full = model.logits(IDS, MASK);
    int layers = config.sizes().numHiddenLayers();
    long keyHeads = config.attention().numKeyValueHeads();
    long headDim = config.attention().headDim();
    int cacheSize = (int) (2 * keyHeads * SLOTS * headDim);
    List<float[]> caches = new ArrayList<>();
    for (int i = 0; i < 2 * layers; i++) {
      caches.add(new float[cacheSize]);
    }
    int done = 0;
    for (int tokens : pieces) {
      int[][] mask = new int[2][SLOTS];
      for (int row = 0; row < 2; row++) {
        Arrays.fill(mask[row], maskOfFuture);
        System.arraycopy(MASK[row], 0, mask[row], 0, done + tokens);
      }
      int[][] piece = {
        Arrays.copyOfRange(IDS[0], done, done + tokens),
        Arrays.copyOfRange(IDS[1], done, done + tokens)
      };
      Evaluation evaluation =
          new Evaluation(model.base().graphDef(), model.weights())
              .feed("decode/input_ids", ints(piece))
              .feed("decode/attention_mask", ints(mask))
              .feed("decode/cache_position", TInt32.scalarOf(done));
      List<String> outputs = new ArrayList<>(List.of("decode/logits"));
      for (int layer = 0; layer < layers; layer++) {
        evaluation.feed(
            "decode/key_cache_" + layer, caches.get(2 * layer), 2, keyHeads, SLOTS, headDim);
        evaluation.feed(
            "decode/value_cache_" + layer, caches.get(2 * layer + 1), 2, keyHeads, SLOTS, headDim);
        outputs.add("decode/next_key_cache_" + layer);
        outputs.add("decode/next_value_cache_" + layer);
      }
      List<float[]> results = evaluation.fetch(outputs.toArray(String[]::new));
      done += tokens;
      assertThat(results.get(0)).hasSize(2 * V);
      for (int row = 0; row < 2; row++) {
        if (MASK[row][done - 1] == 1) {
          int from = (row * IDS[0].length + done - 1) * V;
          assertClose(
              Arrays.copyOfRange(results.get(0), row * V, (row + 1) * V),
              doubles(Arrays.copyOfRange(full, from, from + V)),
              FLOAT32_TOLERANCE);
        }
      }
      caches = results.subList(1, results.size());
    }
  }

  private static double[] doubles(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }
}
