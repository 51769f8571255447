package org.llmadapters.graph.block;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.Residual;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.types.TInt32;

/**
 * A random model whose sizes are all different, so that no two axes can be taken for each other.
 *
 * @param config of the model
 * @param base its graph
 * @param weights their values, row-major
 */
record TinyDecoder(ModelConfig config, BaseGraph base, Map<String, float[]> weights) {
  static final int V = 17;
  static final int H = 12;

  /** N=3, K=1, D=4: all queries share one key. */
  static final ModelConfig PLAIN =
      config(new AttentionConfig(3, 1, 4), Biases.NONE, new RopeScaling.None(), false);

  /** N=4, K=2, D=6 (so that N D is not H), biases, stretched positions, tied embeddings. */
  static final ModelConfig GROUPED =
      config(
          new AttentionConfig(4, 2, 6),
          Biases.NONE.withAttention(true),
          new RopeScaling.Linear(2.5),
          true);

  /** N=K=3, D=8. */
  static final ModelConfig LLAMA3 =
      config(new AttentionConfig(3, 3, 8), Biases.NONE, new RopeScaling.Llama3(8, 1, 4, 16), false);

  private static ModelConfig config(
      AttentionConfig attention, Biases biases, RopeScaling scaling, boolean tied) {
    OptionalInt none = OptionalInt.empty();
    return new ModelConfig(
        "llama",
        new Sizes(V, H, 20, 2, 64),
        attention,
        Optional.of(new RopeConfig(10000, attention.headDim(), scaling)),
        Activation.SILU,
        biases,
        Residual.SEQUENTIAL,
        1e-5,
        tied,
        new TokenIds(none, List.of(), none));
  }

  /**
   * One model of each family, and what its configuration may switch: windows shorter than the
   * tokens of the tests, norms after the sum, projected embeddings, blocks one after the other.
   */
  static Stream<ModelConfig> families() {
    Stream<ModelConfig> defaults =
        Arrays.stream(Architecture.values())
            .map(family -> family.family().config(sizes(24), new AttentionConfig(3, 3, 8), NO_IDS));
    AttentionConfig windows = new AttentionConfig(4, 2, 6, List.of(3, 0, 2));
    AttentionConfig everywhere = new AttentionConfig(4, 2, 6, List.of(3, 3, 3));
    ModelConfig opt =
        Architecture.OPT.family().config(sizes(20), new AttentionConfig(3, 3, 8), NO_IDS);
    ModelConfig neoX =
        Architecture.GPT_NEOX.family().config(sizes(24), new AttentionConfig(3, 3, 8), NO_IDS);
    return Stream.concat(
        defaults,
        Stream.of(
            Architecture.MISTRAL.family().config(sizes(24), everywhere, NO_IDS),
            Architecture.QWEN3.family().config(sizes(24), windows, NO_IDS),
            Architecture.GPT_NEO
                .family()
                .config(sizes(24), new AttentionConfig(4, 4, 6, List.of(0, 3, 0)), NO_IDS),
            with(opt, Residual.NORM_AFTER),
            with(neoX, Residual.SEQUENTIAL)));
  }

  private static final TokenIds NO_IDS =
      new TokenIds(OptionalInt.empty(), List.of(), OptionalInt.empty());

  private static Sizes sizes(int wordEmbedProjDim) {
    return new Sizes(V, 24, 20, 3, 64, wordEmbedProjDim);
  }

  private static ModelConfig with(ModelConfig config, Residual residual) {
    return new ModelConfig(
        config.modelType(),
        config.sizes(),
        config.attention(),
        config.rope(),
        config.activation(),
        config.biases(),
        residual,
        config.normEps(),
        config.tieWordEmbeddings(),
        config.tokenIds());
  }

  static TinyDecoder of(ModelConfig config, WeightDtype dtype) {
    BaseGraph base = Architecture.build(config, dtype);
    Random random = new Random(20240310);
    Map<String, float[]> weights = new LinkedHashMap<>();
    for (Weight weight : base.weights()) {
      float[] value = new float[(int) weight.elements()];
      for (int i = 0; i < value.length; i++) {
        value[i] = (float) ((weight.shape().size() == 1 ? 1 : 0) + 0.5 * random.nextGaussian());
      }
      weights.put(weight.name(), value);
    }
    return new TinyDecoder(config, base, weights);
  }

  ReferenceDecoder reference() {
    return new ReferenceDecoder(config, weights);
  }

  /** Logits [B, T, V] of the full graph. */
  float[] logits(int[][] inputIds, int[][] attentionMask) {
    return new Evaluation(base.graphDef(), weights)
        .feed("input_ids", ints(inputIds))
        .feed("attention_mask", ints(attentionMask))
        .fetch("logits")
        .get(0);
  }

  static TInt32 ints(int[][] values) {
    return TInt32.tensorOf(StdArrays.ndCopyOf(values));
  }
}
