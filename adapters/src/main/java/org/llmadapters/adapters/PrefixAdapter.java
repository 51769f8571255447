package org.llmadapters.adapters;

import java.util.List;
import java.util.Optional;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.block.TokenShapes;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.AttentionSite;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Keys and values before those of the tokens, in every layer; see {@link PrefixConfig}.
 *
 * <p>In the full graph they are put before the tokens' own, and {@link Sites#PAST} makes positions,
 * masks and biases count them. In the decode graph they take the place of what the cache has in its
 * first slots.
 */
final class PrefixAdapter implements Adapter {
  private final PrefixConfig config;

  PrefixAdapter(PrefixConfig config) {
    this.config = config;
  }

  @Override
  public void addTo(Splice splice) {
    List<AttentionSite> sites = Sites.attention(splice.base());
    int layers = 1 + sites.stream().mapToInt(AttentionSite::layer).max().orElseThrow();
    AttentionSite first = sites.get(0);
    long width = 2L * layers * first.numKeyValueHeads() * first.headDim();
    int rows = config.prompt().numVirtualTokens();
    String tokens =
        VirtualTokens.addTo(splice, rows, width, encoder(width), new Initializer.Normal(1));
    if (!splice.has(Sites.PAST)) {
      throw new IllegalArgumentException(
          "the base model was made by an earlier version, which had no room for a prefix; make it"
              + " again with: llm-adapters convert");
    }
    try (Splice.Part part = splice.part("past/")) {
      part.replace(Sites.PAST, part.tf().constant(rows));
    }
    for (AttentionSite site : sites) {
      splice.adapt(site.module());
      try (Splice.Part part = splice.part(site.path() + "/")) {
        Operand<TFloat32> all =
            part.tf()
                .reshape(
                    part.tensor(tokens, TFloat32.class, rows, width),
                    part.tf()
                        .constant(
                            new int[] {
                              rows, 2 * layers, (int) site.numKeyValueHeads(), (int) site.headDim()
                            }));
        put(part, site, site.key(), key(part.tf(), all, site));
        put(part, site, site.value(), value(part.tf(), all, site, layers));
      }
    }
  }

  private Optional<PromptEncoder> encoder(long width) {
    if (config.encoderHiddenSize().isEmpty()) {
      return Optional.empty();
    }
    int tokenDim = config.prompt().tokenDim();
    return Optional.of(
        new DenseEncoder(
            "prompt_encoder.transform",
            VirtualTokens.embedding(config.prompt().numVirtualTokens(), tokenDim),
            List.of(tokenDim, config.encoderHiddenSize().getAsInt(), Math.toIntExact(width)),
            (tf, x) -> tf.math.tanh(x)));
  }

  /**
   * @param all float32 [P, 2L, K, D]
   * @return float32 [K, P, D]
   */
  private Operand<TFloat32> key(Ops tf, Operand<TFloat32> all, AttentionSite site) {
    if (!isOldBloom(site)) {
      return headsFirst(tf, entry(tf, all, 2 * site.layer(), site));
    }
    return tf.linalg.transpose(
        tf.reshape(
            entry(tf, all, site.layer(), site),
            tf.constant(new int[] {(int) site.numKeyValueHeads(), (int) site.headDim(), -1})),
        tf.constant(new int[] {0, 2, 1}));
  }

  private Operand<TFloat32> value(Ops tf, Operand<TFloat32> all, AttentionSite site, int layers) {
    return headsFirst(
        tf, entry(tf, all, isOldBloom(site) ? layers + site.layer() : 2 * site.layer() + 1, site));
  }

  /** Among all families BLOOM alone calls its attention so. */
  private boolean isOldBloom(AttentionSite site) {
    return config.layout() == PrefixConfig.Layout.OLD_TRANSFORMERS
        && site.module().endsWith(".self_attention");
  }

  /** [P, 2L, K, D] -> [P, K, D]. */
  private Operand<TFloat32> entry(Ops tf, Operand<TFloat32> all, int index, AttentionSite site) {
    int rows = config.prompt().numVirtualTokens();
    int heads = (int) site.numKeyValueHeads();
    int headDim = (int) site.headDim();
    return tf.reshape(
        tf.slice(
            all,
            tf.constant(new int[] {0, index, 0, 0}),
            tf.constant(new int[] {rows, 1, heads, headDim})),
        tf.constant(new int[] {rows, heads, headDim}));
  }

  /** [P, K, D] -> [K, P, D]. */
  private static Operand<TFloat32> headsFirst(Ops tf, Operand<TFloat32> heads) {
    return tf.linalg.transpose(heads, tf.constant(new int[] {1, 0, 2}));
  }

  /**
   * Lets attention read {@code prefix} before the keys (or values) of the tokens.
   *
   * @param tensor dtype [B, K, S, D]
   * @param prefix float32 [K, P, D]
   */
  private void put(Splice.Part part, AttentionSite site, String tensor, Operand<TFloat32> prefix) {
    Ops tf = part.tf();
    int rows = config.prompt().numVirtualTokens();
    int heads = (int) site.numKeyValueHeads();
    int headDim = (int) site.headDim();
    Operand<TFloating> own =
        part.tensor(
            tensor, TensorTypes.of(site.dtype()), -1, site.numKeyValueHeads(), -1, site.headDim());
    Operand<TFloating> rounded =
        TensorTypes.cast(
            tf, tf.reshape(prefix, tf.constant(new int[] {1, heads, rows, headDim})), site.dtype());
    if (site.scope().isEmpty()) {
      Operand<TInt32> shape =
          tf.stack(
              List.of(
                  TokenShapes.size(tf, own, 0),
                  tf.constant(heads),
                  tf.constant(rows),
                  tf.constant(headDim)));
      part.replace(tensor, tf.concat(List.of(tf.broadcastTo(rounded, shape), own), tf.constant(2)));
      return;
    }
    Operand<TInt32> slots =
        tf.range(tf.constant(0), TokenShapes.size(tf, own, 2), tf.constant(1)); // [S]
    Operand<TBool> first =
        tf.expandDims(tf.math.less(slots, tf.constant(rows)), tf.constant(-1)); // [S, 1]
    Operand<TFloating> spread =
        tf.gather(
            rounded, tf.math.minimum(slots, tf.constant(rows - 1)), tf.constant(2)); // [1, K, S, D]
    part.replace(tensor, tf.select(first, spread, own));
  }

  @Override
  public List<MergedWeight> merged(BaseGraph base) {
    throw new UnsupportedOperationException("keys and values are no change of weights");
  }
}
