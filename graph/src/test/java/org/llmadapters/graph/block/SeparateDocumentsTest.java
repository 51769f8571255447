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
   * Of the largest logit. Float32 keeps 6e-8 of a value; a few dozen sums of some 20 terms in a row
   * lose about two digits of that.
   */
  private static final double FLOAT32_TOLERANCE = 1e-5;

  /** Longer than the windows of the families that have one. */
  private static final int[][] DOCUMENTS = {{3, 16, 0, 7, 7}, {11, 2, 9}, {5, 5, 1, 14}};

  /** Padding on the right, on the left and everywhere: a row for each document. */
  private static final int[][] ALONE = {
    {1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2},
    {3, 0, 0, 3, 0, 3, 3, 0, 0, 0, 0, 0, 0},
  };

  /** Documents behind each other, with padding everywhere, and mixed. */
  private static final int[][] TOGETHER = {
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
  private static int[] idsAt(int[] numbers) {
    int[] next = new int[DOCUMENTS.length];
    return Arrays.stream(numbers)
        .map(number -> number == 0 ? 4 : DOCUMENTS[number - 1][next[number - 1]++])
        .toArray();
  }

  /** The logits at the tokens of a document in a row. */
  private static float[] of(int number, int[] numbers, int row, float[] logits) {
    float[] found = new float[(int) Arrays.stream(numbers).filter(n -> n == number).count() * V];
    int next = 0;
    for (int slot = 0; slot < numbers.length; slot++) {
      if (numbers[slot] == number) {
        System.arraycopy(logits, (row * numbers.length + slot) * V, found, V * next++, V);
      }
    }
    return found;
  }

  /** A mask of 0 and 1 gives bit for bit what it gave before. */
  @ParameterizedTest
  @MethodSource("models")
  void everyDocumentGetsTheLogitsThatItGetsAlone(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    int[][] ids =
        Stream.concat(Arrays.stream(ALONE), Arrays.stream(TOGETHER))
            .map(SeparateDocumentsTest::idsAt)
            .toArray(int[][]::new);
    int[][] real =
        Stream.concat(Arrays.stream(ALONE), Arrays.stream(TOGETHER))
            .map(row -> Arrays.stream(row).map(number -> Math.min(number, 1)).toArray())
            .toArray(int[][]::new);
    int[][] numbered = real.clone();
    System.arraycopy(TOGETHER, 0, numbered, ALONE.length, TOGETHER.length);

    float[] before = model.logits(ids, real);
    float[] logits = logits(model, ids, numbered);

    for (int document = 1; document <= DOCUMENTS.length; document++) {
      float[] alone = of(document, ALONE[document - 1], document - 1, before);
      assertThat(alone).hasSize(DOCUMENTS[document - 1].length * V);
      assertThat(of(document, ALONE[document - 1], document - 1, logits)).isEqualTo(alone);
      double[] expected = new double[alone.length];
      Arrays.setAll(expected, i -> alone[i]);
      for (int row = 0; row < TOGETHER.length; row++) {
        float[] together = of(document, TOGETHER[row], ALONE.length + row, logits);
        if (together.length > 0) {
          Evaluation.assertClose(together, expected, FLOAT32_TOLERANCE);
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
