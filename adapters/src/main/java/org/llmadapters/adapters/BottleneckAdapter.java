package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.graph.block.Activations;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * {@code D(x) = scaling * up(f(down(dropout(x))))} with {@code down} [bottleneck, n] and {@code up}
 * [m, bottleneck], neither with a bias, at a layer {@code y = W x + b}:
 *
 * <pre>
 *   series, where an MLP reads hidden states    y = W (x + D(x)) + b        n = m = in
 *   series, where an MLP writes them            y = h + D(h), h = W x + b   n = m = out
 *   parallel                                    y = W x + b + D(x)          n = in, m = out
 * </pre>
 *
 * <p>Parameters are float32 and are rounded to the base's dtype where they are used.
 *
 * <p>Source: Hu et al. 2023, arXiv:2304.01933; LLM-Adapters at 8166572, {@code
 * peft/src/peft/tuners/bottleneck.py}.
 */
final class BottleneckAdapter implements LinearAdapter {
  private static final String DOWN = "adapter_down.weight";
  private static final String UP = "adapter_up.weight";
  private static final String SCALING = "adapter_scaling";

  private final BottleneckConfig config;

  BottleneckAdapter(BottleneckConfig config) {
    this.config = config;
  }

  @Override
  public TargetModules targetModules() {
    return config.targetModules();
  }

  /**
   * The input of an MLP's first projections in series, the output everywhere else.
   *
   * @throws IllegalArgumentException if the layer is none of an MLP's and the adapter in series
   */
  @Override
  public Replaced replaced(LinearSite site) {
    if (config.kind() == AdapterKind.PARALLEL) {
      return Replaced.OUTPUT;
    }
    return switch (MlpLayer.of(site.module())) {
      case READS -> Replaced.INPUT;
      case WRITES -> Replaced.OUTPUT;
      case NONE ->
          throw new IllegalArgumentException(
              "target_modules: "
                  + site.module()
                  + " is not a projection of an MLP, where a series adapter sits; leave it out, or"
                  + " use a parallel adapter");
    };
  }

  @Override
  public Operand<TFloating> apply(
      Ops tf,
      LinearSite site,
      Operand<TFloating> input,
      Operand<TFloating> output,
      AdapterParameters parameters) {
    if (config.kind() == AdapterKind.PARALLEL) {
      return added(tf, site, input, site.inFeatures(), output, site.outFeatures(), parameters);
    }
    return switch (replaced(site)) {
      case INPUT -> added(tf, site, input, site.inFeatures(), input, site.inFeatures(), parameters);
      case OUTPUT ->
          added(tf, site, output, site.outFeatures(), output, site.outFeatures(), parameters);
    };
  }

  @Override
  public void addTo(Splice splice) {
    LinearAdapter.super.addTo(splice);
    new TrainedWeights(config.variant().bias(), List.of(), config.targetModules()).addTo(splice);
  }

  @Override
  public List<MergedWeight> merged(LinearSite site, BaseGraph base) {
    throw new UnsupportedOperationException("a non-linear function is no change of weights");
  }

  /**
   * {@code y + D(x)}.
   *
   * @param x dtype [B, T, in]
   * @param y dtype [B, T, out]
   * @return dtype [B, T, out]
   */
  private Operand<TFloating> added(
      Ops tf,
      LinearSite site,
      Operand<TFloating> x,
      long in,
      Operand<TFloating> y,
      long out,
      AdapterParameters parameters) {
    long size = config.bottleneckSize();
    boolean bert = config.variant().initWeights() == InitWeights.BERT;
    Operand<TFloat32> down =
        parameters.trainable(
            DOWN,
            List.of(size, in),
            bert
                ? new Initializer.Normal(0.02)
                : new Initializer.Uniform(1 / Math.sqrt((double) in)));
    Operand<TFloat32> up =
        parameters.trainable(
            UP, List.of(out, size), bert ? new Initializer.Normal(0.02) : new Initializer.Zeros());
    Operand<TFloat32> scaling =
        config.scaling().isPresent()
            ? tf.constant((float) config.scaling().getAsDouble())
            : parameters.trainable(SCALING, List.of(1L), new Initializer.Ones());
    Operand<TFloating> kept =
        parameters.training() && config.adapterDropout() > 0
            ? Dropout.apply(tf, x, config.adapterDropout(), parameters.dropoutSeed(), site.dtype())
            : x;
    Operand<TFloating> rows =
        tf.reshape(kept, tf.constant(new int[] {-1, Math.toIntExact(in)})); // [B * T, in]
    Operand<TFloating> narrow =
        Activations.apply(tf, config.nonLinearity(), product(tf, rows, down, site), site.dtype());
    Operand<TFloating> wide =
        tf.math.mul(product(tf, narrow, up, site), TensorTypes.cast(tf, scaling, site.dtype()));
    return tf.math.add(y, tf.reshape(wide, tf.shape(y))); // [B, T, out]
  }

  /** {@code x W^T}: dtype [B * T, rows of W]. */
  private static Operand<TFloating> product(
      Ops tf, Operand<TFloating> x, Operand<TFloat32> weight, LinearSite site) {
    return tf.linalg.matMul(x, TensorTypes.cast(tf, weight, site.dtype()), MatMul.transposeB(true));
  }
}
