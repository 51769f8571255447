package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** What an adapter may ask for at one linear layer. */
final class LinearParameters implements AdapterParameters {
  private static final String MATMUL = "MatMul";

  private final Splice splice;
  private final Splice.Part part;
  private final LinearSite site;
  private final int siteNumber;

  /**
   * @param siteNumber differs for every adapted module
   */
  LinearParameters(Splice splice, Splice.Part part, LinearSite site, int siteNumber) {
    this.splice = splice;
    this.part = part;
    this.site = site;
    this.siteNumber = siteNumber;
  }

  @Override
  public Operand<TFloat32> trainable(String name, List<Long> shape, Initializer initializer) {
    return part.trainable(new AdapterParameter(site.module() + "." + name, shape, initializer));
  }

  @Override
  public Operand<TFloating> weight() {
    long[] shape = weightVariable().shape().stream().mapToLong(Long::longValue).toArray();
    return part.tensor(
        splice.node(site.node(MATMUL)).getInput(1), TensorTypes.of(site.dtype()), shape);
  }

  @Override
  public Weight weightVariable() {
    String read = TensorNames.node(splice.node(site.node(MATMUL)).getInput(1));
    boolean outIn = site.layout() == WeightLayout.OUT_IN;
    return new Weight(
        VariableNodes.weightName(read),
        site.dtype(),
        outIn
            ? List.of(site.outFeatures(), site.inFeatures())
            : List.of(site.inFeatures(), site.outFeatures()));
  }

  @Override
  public Operand<TFloating> product() {
    return part.tensor(site.node(MATMUL), TensorTypes.of(site.dtype()), -1, site.outFeatures());
  }

  @Override
  public boolean training() {
    return splice.mode().dropout();
  }

  @Override
  public Operand<TInt32> dropoutSeed() {
    return part.dropoutSeed(siteNumber);
  }
}
