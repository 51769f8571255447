package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.EmbeddingSite;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * LoRA on the embedding {@code E} [V, width] of the tokens: {@code E[id] + scaling * B A[:, id]}
 * with {@code A} [r, V] and {@code B} [width, r]. Unlike elsewhere {@code A} starts at zero and
 * {@code B} normal, and there is no dropout.
 *
 * <p>Source: PEFT, {@code Embedding} in {@code tuners/lora/layer.py}.
 */
final class LoraEmbedding {
  private static final String LORA_A = ".lora_embedding_A";
  private static final String LORA_B = ".lora_embedding_B";

  private final LoraConfig config;

  LoraEmbedding(LoraConfig config) {
    this.config = config;
  }

  /** The modules that it is for where {@code target_modules} names them. */
  static List<String> modules(GraphDef base) {
    return Sites.tokenEmbeddings(base).stream().map(EmbeddingSite::module).distinct().toList();
  }

  /**
   * Puts its operations into both graphs.
   *
   * @throws IllegalArgumentException if the embedding is a target and the variant of LoRA is not
   *     for one
   */
  void addTo(Splice splice) {
    for (EmbeddingSite site : targets(splice.base())) {
      requirePlain(site.module());
      splice.adapt(site.module());
      try (Splice.Part part = splice.part(site.path() + "/")) {
        part.replace(site.output(), apply(part, site));
      }
    }
  }

  /**
   * Merging adds {@code scaling * (B A)^T}.
   *
   * @throws IllegalArgumentException if a layer has the same weight
   */
  List<MergedWeight> merged(GraphDef base) {
    return targets(base).stream()
        .filter(site -> site.scope().isEmpty())
        .map(site -> merged(site, base))
        .toList();
  }

  private List<EmbeddingSite> targets(GraphDef base) {
    return Sites.tokenEmbeddings(base).stream()
        .filter(site -> config.targetModules().matches(site.module()))
        .toList();
  }

  private void requirePlain(String module) {
    List<String> options = new ArrayList<>();
    if (config.useDora()) {
      options.add("use_dora");
    }
    if (config.variant().init().takesFromBase()) {
      options.add("init_lora_weights " + config.variant().init().fileName());
    }
    if (!options.isEmpty()) {
      throw new IllegalArgumentException(
          "target_modules: "
              + module
              + " is an embedding, which cannot be adapted with "
              + String.join(" and ", options)
              + "; leave it out of target_modules");
    }
  }

  private Operand<TFloating> apply(Splice.Part part, EmbeddingSite site) {
    Ops tf = part.tf();
    String module = site.module();
    long r = config.rankOf(module);
    boolean random = config.variant().init().scheme() == LoraInit.Scheme.RANDOM;
    Initializer normal = new Initializer.Normal(1);
    Operand<TFloat32> loraA =
        part.trainable(
            new AdapterParameter(
                module + LORA_A,
                List.of(r, site.rows()),
                random ? normal : new Initializer.Zeros()));
    Operand<TFloat32> loraB =
        part.trainable(new AdapterParameter(module + LORA_B, List.of(site.width(), r), normal));
    Operand<TInt32> ids = part.tensor(site.input(), TInt32.class, -1, -1);
    Operand<TFloating> output =
        part.tensor(site.output(), TensorTypes.of(site.dtype()), -1, -1, site.width());
    Operand<TInt32> rows = tf.reshape(ids, tf.constant(new int[] {-1})); // [B * T]
    Operand<TFloat32> narrow =
        tf.gather(
            tf.linalg.transpose(loraA, tf.constant(new int[] {1, 0})),
            rows,
            tf.constant(0)); // [B * T, R]
    Operand<TFloat32> scaled = tf.math.mul(narrow, tf.constant((float) config.scalingOf(module)));
    Operand<TFloating> update =
        tf.linalg.matMul(
            TensorTypes.cast(tf, scaled, site.dtype()),
            TensorTypes.cast(tf, loraB, site.dtype()),
            MatMul.transposeB(true)); // [B * T, width]
    return tf.math.add(output, tf.reshape(update, tf.shape(output)));
  }

  private MergedWeight merged(EmbeddingSite site, GraphDef base) {
    String module = site.module();
    TiedLayers.of(base)
        .forEach(
            (layer, weight) -> {
              if (weight.equals(module + ".weight")) {
                throw new IllegalArgumentException(
                    "cannot be merged: it adapts "
                        + module
                        + ", whose weight is "
                        + layer
                        + "'s as well (tie_word_embeddings), so that merging would change that"
                        + " layer, too; use the adapter without merging it");
              }
            });
    return new MergedWeight(
        module + ".weight",
        site.width(),
        List.of(module + LORA_B, module + LORA_A),
        values ->
            new WeightDelta(
                    values.get(0), values.get(1), config.rankOf(module), config.scalingOf(module))
                .transposed());
  }
}
