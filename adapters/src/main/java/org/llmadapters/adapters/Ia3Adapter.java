package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * {@code l * (W x + b)}, or in a feed-forward module {@code W (l * x) + b}, with {@code l} starting
 * at 1: a new adapter changes nothing. See {@link Ia3Config}.
 *
 * <p>Merged, {@code l} scales the rows of W, [out, in], and the bias, or its columns.
 */
final class Ia3Adapter implements LinearAdapter {
  private static final String SCALES = "ia3_l";

  private final Ia3Config config;

  Ia3Adapter(Ia3Config config) {
    this.config = config;
  }

  @Override
  public TargetModules targetModules() {
    return config.targetModules();
  }

  @Override
  public Replaced replaced(LinearSite site) {
    return config.isFeedforward(site.module()) ? Replaced.INPUT : Replaced.OUTPUT;
  }

  @Override
  public Operand<TFloating> apply(
      Ops tf,
      LinearSite site,
      Operand<TFloating> input,
      Operand<TFloating> output,
      AdapterParameters parameters) {
    boolean feedforward = config.isFeedforward(site.module());
    long width = feedforward ? site.inFeatures() : site.outFeatures();
    Operand<TFloat32> scales =
        parameters.trainable(
            SCALES, feedforward ? List.of(1L, width) : List.of(width, 1L), new Initializer.Ones());
    Operand<TFloating> row =
        TensorTypes.cast(
            tf, tf.reshape(scales, tf.constant(new int[] {Math.toIntExact(width)})), site.dtype());
    return tf.math.mul(feedforward ? input : output, row);
  }

  @Override
  public List<MergedWeight> merged(LinearSite site, BaseGraph base) {
    String module = site.module();
    List<String> scales = List.of(module + "." + SCALES);
    boolean feedforward = config.isFeedforward(module);
    boolean byRow = feedforward == (site.layout() == WeightLayout.IN_OUT);
    List<MergedWeight> merged = new ArrayList<>();
    merged.add(
        new MergedWeight(
            module + ".weight",
            site.weightColumns(),
            scales,
            values -> byRow ? rows(values.get(0)) : columns(values.get(0))));
    String bias = module + ".bias";
    if (!feedforward && base.weights().stream().map(Weight::name).anyMatch(bias::equals)) {
      merged.add(new MergedWeight(bias, 1, scales, values -> rows(values.get(0))));
    }
    return merged;
  }

  private static WeightChange rows(float[] scales) {
    return (row, weights) -> {
      for (int i = 0; i < weights.length; i++) {
        weights[i] *= scales[row];
      }
    };
  }

  private static WeightChange columns(float[] scales) {
    return (row, weights) -> {
      for (int i = 0; i < weights.length; i++) {
        weights[i] *= scales[i];
      }
    };
  }
}
