package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.AdapterParameter.Initializer.Factor.Side;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.block.BatchProduct;
import org.llmadapters.graph.block.TokenShapes;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * {@code y + scaling * B(A(dropout(x)))} with {@code A} [r, in] and {@code B} [out, r], where
 * {@code scaling} is {@code lora_alpha / r} or, rank-stabilized, {@code lora_alpha / sqrt(r)}. With
 * {@code use_dora} see {@link WeightDecomposition}.
 *
 * <p>By default {@code A} starts uniform in {@code (-1/sqrt(in), 1/sqrt(in))}, which is PEFT's
 * Kaiming initialisation with a = sqrt(5), and {@code B} starts at zero, so a new adapter changes
 * nothing; {@link LoraInit} has the other ways, {@link LoraEmbedding} what differs at an embedding.
 * Parameters are float32 and are rounded to the base's dtype where they are used.
 *
 * <p>Source: Hu et al. 2021, arXiv:2106.09685; PEFT, {@code tuners/lora/layer.py}.
 */
final class LoraAdapter implements LinearAdapter {
  private static final String LORA_A = "lora_A.weight";
  private static final String LORA_B = "lora_B.weight";

  private final LoraConfig config;

  LoraAdapter(LoraConfig config) {
    this.config = config;
  }

  @Override
  public TargetModules targetModules() {
    return config.targetModules();
  }

  @Override
  public void addTo(Splice splice) {
    LinearAdapter.super.addTo(splice);
    new LoraEmbedding(config).addTo(splice);
    trainedWeights().addTo(splice);
  }

  @Override
  public List<MergedWeight> merged(BaseGraph base) {
    List<MergedWeight> merged = new ArrayList<>(LinearAdapter.super.merged(base));
    merged.addAll(new LoraEmbedding(config).merged(base.graphDef()));
    merged.addAll(trainedWeights().merged(base.graphDef()));
    return merged;
  }

  @Override
  public List<String> otherModules(GraphDef base) {
    return LoraEmbedding.modules(base);
  }

  private TrainedWeights trainedWeights() {
    LoraVariant variant = config.variant();
    return new TrainedWeights(variant.bias(), variant.modulesToSave(), config.targetModules());
  }

  private List<String> parameterNames() {
    return config.useDora()
        ? List.of(LORA_A, LORA_B, WeightDecomposition.MAGNITUDE)
        : List.of(LORA_A, LORA_B);
  }

  /**
   * The products are batched ones of rank 3 because XLA on the CPU hands small products to oneDNN
   * only at that rank (13 % of a training step), and the scale is applied to the narrow tensor.
   */
  @Override
  public Operand<TFloating> apply(
      Ops tf,
      LinearSite site,
      Operand<TFloating> input,
      Operand<TFloating> output,
      AdapterParameters parameters) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    long r = config.rankOf(site.module());
    double scaling = config.scalingOf(site.module());
    Operand<TFloat32> wideA =
        parameters.trainable(LORA_A, List.of(r, in), initializer(Side.A, site, parameters));
    Operand<TFloat32> wideB =
        parameters.trainable(LORA_B, List.of(out, r), initializer(Side.B, site, parameters));
    Operand<TFloating> loraA = TensorTypes.cast(tf, wideA, site.dtype());
    Operand<TFloating> loraB = TensorTypes.cast(tf, wideB, site.dtype());
    Operand<TFloating> x =
        parameters.training() && config.loraDropout() > 0
            ? Dropout.apply(tf, input, config.loraDropout(), parameters.dropoutSeed(), site.dtype())
            : input;
    Operand<TInt32> batch = TokenShapes.size(tf, input, 0);
    Operand<TFloating> narrow =
        BatchProduct.of(tf, x, repeated(tf, loraA, batch, r, in), true); // [B, T, R]
    Operand<TFloating> scaled =
        tf.math.mul(narrow, TensorTypes.cast(tf, tf.constant((float) scaling), site.dtype()));
    Operand<TFloating> update =
        BatchProduct.of(tf, scaled, repeated(tf, loraB, batch, out, r), true);
    if (!config.useDora()) {
      return tf.math.add(output, update);
    }
    Operand<TFloat32> change =
        tf.math.mul(tf.linalg.matMul(wideB, wideA), tf.constant((float) scaling));
    return WeightDecomposition.apply(tf, site, x, input, output, update, change, parameters);
  }

  @Override
  public List<MergedWeight> merged(LinearSite site, BaseGraph base) {
    String module = site.module();
    if (config.useDora() && site.layout() == WeightLayout.IN_OUT) {
      throw new IllegalArgumentException(
          module
              + ": DoRA cannot be merged into a weight that is stored [in, out], where the weights"
              + " of one output are in all rows; use the adapter without merging it");
    }
    List<String> names = parameterNames().stream().map(name -> module + "." + name).toList();
    return List.of(
        new MergedWeight(
            module + ".weight",
            site.weightColumns(),
            names,
            values -> {
              WeightDelta delta =
                  new WeightDelta(
                      values.get(1),
                      values.get(0),
                      config.rankOf(module),
                      config.scalingOf(module));
              if (config.useDora()) {
                return delta.withNorms(values.get(2));
              }
              return site.layout() == WeightLayout.OUT_IN ? delta : delta.transposed();
            }));
  }

  private Initializer initializer(Side side, LinearSite site, AdapterParameters parameters) {
    LoraInit init = config.variant().init();
    double r = config.rankOf(site.module());
    Initializer uniformA = new Initializer.Uniform(1 / Math.sqrt((double) site.inFeatures()));
    Initializer zeros = new Initializer.Zeros();
    return switch (init.scheme()) {
      case KAIMING -> side == Side.A ? uniformA : zeros;
      case RANDOM -> side == Side.A ? uniformA : new Initializer.Uniform(1 / Math.sqrt(r));
      case GAUSSIAN -> side == Side.A ? new Initializer.Normal(1 / r) : zeros;
      case ORTHOGONAL, PISSA, OLORA ->
          new Initializer.Factor(
              new LoraFactors(
                  init,
                  parameters.weightVariable(),
                  site.layout(),
                  (int) r,
                  config.scalingOf(site.module())),
              side);
    };
  }

  /** dtype [rows, columns] -> [B, rows, columns]. */
  private static Operand<TFloating> repeated(
      Ops tf, Operand<TFloating> matrix, Operand<TInt32> batch, long rows, long columns) {
    return tf.broadcastTo(
        matrix, tf.stack(List.of(batch, tf.constant((int) rows), tf.constant((int) columns))));
  }
}
