package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.graph.block.Evaluation.assertClose;
import static org.llmadapters.graph.block.TinyDecoder.V;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorShapeProto.Dim;

final class DecoderModelTest {
  /**
   * Of the largest logit. Float32 keeps 6e-8 of a value; a few dozen sums of some 20 terms in a row
   * lose about two digits of that.
   */
  private static final double FLOAT32_TOLERANCE = 1e-5;

  /** Real tokens of both rows; the second row is two shorter. */
  private static final int[][] TOKENS = {{3, 16, 0, 7, 7}, {11, 2, 9}};

  static Stream<ModelConfig> configs() {
    return Stream.of(TinyDecoder.PLAIN, TinyDecoder.GROUPED, TinyDecoder.LLAMA3);
  }

  private static List<String> describe(BaseGraph base) {
    return base.weights().stream().map(w -> w.name() + " " + w.shape()).toList();
  }

  @Test
  void hasExactlyTheWeightsOfTheCheckpoint() {
    assertThat(describe(TinyDecoder.of(TinyDecoder.PLAIN, WeightDtype.BFLOAT16).base()))
        .containsExactlyInAnyOrder(
            "model.embed_tokens.weight [17, 12]",
            "model.layers.0.input_layernorm.weight [12]",
            "model.layers.0.self_attn.q_proj.weight [12, 12]",
            "model.layers.0.self_attn.k_proj.weight [4, 12]",
            "model.layers.0.self_attn.v_proj.weight [4, 12]",
            "model.layers.0.self_attn.o_proj.weight [12, 12]",
            "model.layers.0.post_attention_layernorm.weight [12]",
            "model.layers.0.mlp.gate_proj.weight [20, 12]",
            "model.layers.0.mlp.up_proj.weight [20, 12]",
            "model.layers.0.mlp.down_proj.weight [12, 20]",
            "model.layers.1.input_layernorm.weight [12]",
            "model.layers.1.self_attn.q_proj.weight [12, 12]",
            "model.layers.1.self_attn.k_proj.weight [4, 12]",
            "model.layers.1.self_attn.v_proj.weight [4, 12]",
            "model.layers.1.self_attn.o_proj.weight [12, 12]",
            "model.layers.1.post_attention_layernorm.weight [12]",
            "model.layers.1.mlp.gate_proj.weight [20, 12]",
            "model.layers.1.mlp.up_proj.weight [20, 12]",
            "model.layers.1.mlp.down_proj.weight [12, 20]",
            "model.norm.weight [12]",
            "lm_head.weight [17, 12]");
  }

  @Test
  void biasesAddFourWeightsPerBlockAndTiedEmbeddingsTakeTheHead() {
    List<String> weights =
        describe(TinyDecoder.of(TinyDecoder.GROUPED, WeightDtype.FLOAT32).base());
    assertThat(weights)
        .hasSize(1 + 2 * (9 + 4) + 1)
        .contains(
            "model.layers.1.self_attn.q_proj.weight [24, 12]",
            "model.layers.1.self_attn.q_proj.bias [24]",
            "model.layers.1.self_attn.k_proj.weight [12, 12]",
            "model.layers.1.self_attn.k_proj.bias [12]",
            "model.layers.1.self_attn.v_proj.bias [12]",
            "model.layers.1.self_attn.o_proj.weight [12, 24]",
            "model.layers.1.self_attn.o_proj.bias [12]")
        .doesNotContain("lm_head.weight [17, 12]");
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "UINT8")
  void allWeightsHaveTheDtypeOfTheModel(WeightDtype dtype) {
    assertThat(TinyDecoder.of(TinyDecoder.PLAIN, dtype).base().weights())
        .allMatch(weight -> weight.dtype() == dtype);
  }

  @Test
  void signaturesNameEveryInputAndOutput() {
    BaseGraph base = TinyDecoder.of(TinyDecoder.PLAIN, WeightDtype.BFLOAT16).base();
    assertThat(base.signatures().keySet()).containsExactlyInAnyOrder("serving_default", "decode");
    assertThat(describe(base.signatures().get("serving_default")))
        .containsExactlyInAnyOrder(
            "in input_ids = input_ids:0 DT_INT32 [-1, -1]",
            "in attention_mask = attention_mask:0 DT_INT32 [-1, -1]",
            "out logits = logits:0 DT_FLOAT [-1, -1, 17]");
    assertThat(describe(base.signatures().get("decode")))
        .containsExactlyInAnyOrder(
            "in input_ids = decode/input_ids:0 DT_INT32 [-1, -1]",
            "in attention_mask = decode/attention_mask:0 DT_INT32 [-1, -1]",
            "in cache_position = decode/cache_position:0 DT_INT32 []",
            "in key_cache_0 = decode/key_cache_0:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "in key_cache_1 = decode/key_cache_1:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "in value_cache_0 = decode/value_cache_0:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "in value_cache_1 = decode/value_cache_1:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "out logits = decode/logits:0 DT_FLOAT [-1, 17]",
            "out key_cache_0 = decode/next_key_cache_0:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "out key_cache_1 = decode/next_key_cache_1:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "out value_cache_0 = decode/next_value_cache_0:0 DT_BFLOAT16 [-1, 1, -1, 4]",
            "out value_cache_1 = decode/next_value_cache_1:0 DT_BFLOAT16 [-1, 1, -1, 4]");
  }

  private static List<String> describe(@Nullable SignatureDef signature) {
    assertThat(signature).isNotNull();
    return Stream.concat(
            signature.getInputsMap().entrySet().stream()
                .map(entry -> "in " + entry.getKey() + " = " + describe(entry.getValue())),
            signature.getOutputsMap().entrySet().stream()
                .map(entry -> "out " + entry.getKey() + " = " + describe(entry.getValue())))
        .toList();
  }

  private static String describe(TensorInfo tensor) {
    DataType type = tensor.getDtype();
    List<Long> sizes = tensor.getTensorShape().getDimList().stream().map(Dim::getSize).toList();
    return tensor.getName() + " " + type + " " + sizes;
  }

  @ParameterizedTest
  @MethodSource("configs")
  void logitsAreThoseOfAPlainImplementation(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    assertClose(
        model.logits(new int[][] {TOKENS[0]}, new int[][] {{1, 1, 1, 1, 1}}),
        flat(model.reference().logits(TOKENS[0])),
        FLOAT32_TOLERANCE);
  }

  /**
   * bfloat16 keeps 8 bits, an error of 0.2 to 0.4 % in every weight and every intermediate value;
   * through two blocks that adds up to a few per cent of the largest logit.
   */
  @ParameterizedTest
  @MethodSource("configs")
  void bfloat16LogitsAreNearThoseOfAPlainImplementation(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.BFLOAT16);
    assertClose(
        model.logits(new int[][] {TOKENS[0]}, new int[][] {{1, 1, 1, 1, 1}}),
        flat(model.reference().logits(TOKENS[0])),
        0.05);
  }

  /** Padding on the right, on the left, and between tokens, in rows of one batch. */
  @ParameterizedTest
  @MethodSource("configs")
  void paddingNeverChangesTheLogitsOfRealTokens(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    int[][] mask = {
      {1, 1, 1, 1, 1, 0, 0},
      {0, 0, 1, 1, 1, 1, 1},
      {1, 0, 1, 1, 0, 1, 1},
      {1, 1, 1, 0, 0, 0, 0},
      {0, 0, 0, 0, 1, 1, 1},
      {0, 1, 0, 1, 0, 0, 1},
    };
    int[] tokensOfRow = {0, 0, 0, 1, 1, 1};
    for (int padId : new int[] {0, 5}) {
      int[][] ids = new int[mask.length][7];
      for (int row = 0; row < mask.length; row++) {
        int next = 0;
        for (int column = 0; column < 7; column++) {
          ids[row][column] = mask[row][column] == 1 ? TOKENS[tokensOfRow[row]][next++] : padId;
        }
      }
      float[] logits = model.logits(ids, mask);
      for (int row = 0; row < mask.length; row++) {
        double[][] expected = model.reference().logits(TOKENS[tokensOfRow[row]]);
        int next = 0;
        for (int column = 0; column < 7; column++) {
          if (mask[row][column] == 1) {
            int from = (row * 7 + column) * V;
            assertClose(
                Arrays.copyOfRange(logits, from, from + V), expected[next++], FLOAT32_TOLERANCE);
          }
        }
      }
    }
  }

  /** What has no plain implementation here is compared with itself, without padding. */
  @ParameterizedTest
  @MethodSource("org.llmadapters.graph.block.TinyDecoder#families")
  void paddingNeverChangesTheLogitsOfAnyFamily(ModelConfig config) {
    TinyDecoder model = TinyDecoder.of(config, WeightDtype.FLOAT32);
    float[] expected = model.logits(new int[][] {TOKENS[0]}, new int[][] {{1, 1, 1, 1, 1}});
    int[][] ids = {{3, 16, 0, 7, 7, 5, 5}, {5, 5, 3, 16, 0, 7, 7}};
    int[][] mask = {{1, 1, 1, 1, 1, 0, 0}, {0, 0, 1, 1, 1, 1, 1}};
    float[] logits = model.logits(ids, mask);
    for (int row = 0; row < 2; row++) {
      int from = (row * 7 + 2 * row) * V;
      double[] wide = new double[expected.length];
      Arrays.setAll(wide, i -> expected[i]);
      assertClose(Arrays.copyOfRange(logits, from, from + 5 * V), wide, FLOAT32_TOLERANCE);
    }
  }

  /**
   * The copies of layers are what building all of them gives: same weights, same kinds of nodes.
   */
  @Test
  void everyLayerReadsTheOneBeforeItAndItsOwnWeights() {
    BaseGraph base =
        TinyDecoder.families()
            .skip(13)
            .findFirst()
            .map(c -> TinyDecoder.of(c, WeightDtype.FLOAT32))
            .orElseThrow()
            .base();
    Map<String, NodeDef> nodes = new HashMap<>();
    base.graphDef().getNodeList().forEach(node -> nodes.put(node.getName(), node));
    assertThat(nodes).hasSize(base.graphDef().getNodeCount());
    for (NodeDef node : nodes.values()) {
      for (String input : node.getInputList()) {
        assertThat(nodes).containsKey(input.replaceAll("^\\^|:[0-9]+$", ""));
      }
    }
    for (String scope : List.of("", "decode/")) {
      for (int layer = 1; layer < 3; layer++) {
        String name = scope + "transformer/h/" + layer + "/hidden_states";
        NodeDef input = Objects.requireNonNull(nodes.get(name), name);
        assertThat(input.getInputList())
            .containsExactly(scope + "transformer/h/" + (layer - 1) + "/output");
      }
    }
    assertThat(base.weights()).extracting(Weight::name).doesNotHaveDuplicates();
    assertThat(base.weights())
        .extracting(Weight::name)
        .filteredOn(name -> name.contains(".mlp.c_fc.weight"))
        .containsExactly(
            "transformer.h.0.mlp.c_fc.weight",
            "transformer.h.1.mlp.c_fc.weight",
            "transformer.h.2.mlp.c_fc.weight");
  }

  /** A row that is all padding, as the last batch of an epoch has, must not be NaN. */
  @Test
  void aRowWithoutTokensHasFiniteLogits() {
    TinyDecoder model = TinyDecoder.of(TinyDecoder.PLAIN, WeightDtype.FLOAT32);
    float[] logits = model.logits(new int[][] {{1, 2}, {0, 0}}, new int[][] {{1, 1}, {0, 0}});
    for (float value : logits) {
      assertThat(value).isFinite();
    }
  }

  private static double[] flat(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
  }
}
