package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.graph.block.TinyDecoder.V;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.SeparateDocuments;
import org.tensorflow.proto.GraphDef;

final class SeparateDocumentsTest {
  /**
   * Of the largest logit. Float32 keeps 6e-8 of a value; sums of other lengths are added in another
   * order, through three blocks.
   */
  private static final double FLOAT32_TOLERANCE = 1e-5;

  /** Longer than the windows of the families that have one. */
  private static final int[][] DOCUMENTS = {{3, 16, 0, 7, 7}, {11, 2, 9}, {5, 5, 1, 14}};

  /** One row of documents behind each other, one with padding everywhere, one with them mixed. */
  private static final int[][] NUMBERS = {
    {1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0},
    {0, 1, 1, 1, 1, 1, 0, 2, 2, 0, 2, 0, 0},
    {3, 2, 3, 1, 1, 2, 1, 3, 3, 0, 1, 1, 2},
  };

  static Stream<ModelConfig> models() {
    return Stream.concat(
        Stream.of(TinyDecoder.PLAIN, TinyDecoder.GROUPED, TinyDecoder.LLAMA3),
        TinyDecoder.families());
  }

  /** Of a graph without what nothing reads, as a SavedModel holds it. */
  private static float[] logits(TinyDecoder model, int[][] inputIds, int[][] attentionMask) {
    GraphDef read = GraphPruner.keep(model.base().graphDef(), List.of("logits"));
    return new Evaluation(SeparateDocuments.in(read), model.weights())
        .feed("input_ids", TinyDecoder.ints(inputIds))
        .feed("attention_mask", TinyDecoder.ints(attentionMask))
        .fetch("logits")
        .get(0);
  }

  /** The tokens of every document in its places, padding elsewhere. */
  private static int[][] idsAt(int[][] numbers) {
    int[][] ids = new int[numbers.length][numbers[0].length];
    for (int row = 0; row < ids.length; row++) {
      int[] next = new int[DOCUMENTS.length];
      for (int slot = 0; slot < ids[row].length; slot++) {
        int document = numbers[row][slot] - 1;
        ids[row][slot] = document < 0 ? 4 : DOCUMENTS[document][next[document]++];
      }
    }
    return ids;
  }

  @ParameterizedTest
  @MethodSource("models")
  void everyDocumentGetsTheLogitsThatItGetsAlone(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    float[] logits = logits(model, idsAt(NUMBERS), NUMBERS);
    for (int document = 0; document < DOCUMENTS.length; document++) {
      int[] tokens = DOCUMENTS[document];
      int[] ones = new int[tokens.length];
      Arrays.fill(ones, 1);
      float[] alone = model.logits(new int[][] {tokens}, new int[][] {ones});
      double[] expected = new double[alone.length];
      Arrays.setAll(expected, i -> alone[i]);
      for (int row = 0; row < NUMBERS.length; row++) {
        float[] found = of(document + 1, row, logits);
        if (found.length > 0) {
          Evaluation.assertClose(found, expected, FLOAT32_TOLERANCE);
        }
      }
    }
  }

  /** The logits at the tokens of a document, which a row may lack. */
  private static float[] of(int number, int row, float[] logits) {
    int length = NUMBERS[row].length;
    float[] found =
        new float[(int) Arrays.stream(NUMBERS[row]).filter(n -> n == number).count() * V];
    int next = 0;
    for (int slot = 0; slot < length; slot++) {
      if (NUMBERS[row][slot] == number) {
        System.arraycopy(logits, (row * length + slot) * V, found, V * next++, V);
      }
    }
    return found;
  }

  /** Padding on either side and between: bit for bit what the graph gave before. */
  @ParameterizedTest
  @MethodSource("models")
  void aMaskOfZeroAndOneMeansWhatItMeantBefore(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    int[][] mask = {{1, 1, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 1, 1, 1}, {1, 0, 1, 1, 0, 1, 1}};
    int[][] ids = {{3, 16, 0, 7, 7, 4, 4}, {4, 4, 3, 16, 0, 7, 7}, {3, 4, 16, 0, 4, 7, 7}};
    float[] before = model.logits(ids, mask);
    float[] rewritten = logits(model, ids, mask);
    for (int row = 0; row < mask.length; row++) {
      for (int slot = 0; slot < 7; slot++) {
        if (mask[row][slot] == 1) {
          int from = (row * 7 + slot) * V;
          assertThat(Arrays.copyOfRange(rewritten, from, from + V))
              .isEqualTo(Arrays.copyOfRange(before, from, from + V));
        }
      }
    }
  }

  @Test
  void leavesTheDecodeGraphAsItIs() {
    GraphDef before = TinyDecoder.of(TinyDecoder.PLAIN, WeightDtype.FLOAT32).base().graphDef();
    GraphDef after = SeparateDocuments.in(before);
    assertThat(after.getNodeList().stream().filter(node -> node.getName().startsWith("decode/")))
        .containsExactlyElementsOf(
            before.getNodeList().stream()
                .filter(node -> node.getName().startsWith("decode/"))
                .toList());
    assertThat(after.getNodeCount()).isGreaterThan(before.getNodeCount());
  }

  @Test
  void rejectsAGraphWithoutTheNodesItReplaces() {
    GraphDef graph = TinyDecoder.of(TinyDecoder.PLAIN, WeightDtype.FLOAT32).base().graphDef();
    GraphDef.Builder older = graph.toBuilder().clearNode();
    graph.getNodeList().stream()
        .filter(node -> !node.getName().equals("tokens/Cumsum"))
        .forEach(older::addNode);
    assertThatThrownBy(() -> SeparateDocuments.in(older.build()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the base model was made by an earlier version, whose graph cannot tell documents apart"
                + " (it has no node tokens/Cumsum); make it again with: llm-adapters convert");
  }
}
