package org.llmadapters.graph.rewrite;

import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;

/**
 * A place where adapters attach: one linear layer in one of the model's graphs.
 *
 * @param module path of the layer in the checkpoint: {@code model.layers.0.self_attn.q_proj}
 * @param scope {@code ""} in the full graph, {@code "decode/"} in the decode graph
 * @param inFeatures width of its input
 * @param outFeatures width of its output
 * @param layout of its weight
 * @param dtype of input and output
 */
public record LinearSite(
    String module,
    String scope,
    long inFeatures,
    long outFeatures,
    WeightLayout layout,
    WeightDtype dtype) {

  /** Length of a row of the weight as it is stored. */
  public long weightColumns() {
    return layout == WeightLayout.OUT_IN ? inFeatures : outFeatures;
  }

  /** The Identity node that the layer reads: dtype [B, T, in]. */
  public String input() {
    return node("input");
  }

  /** The Identity node that everything behind the layer reads: dtype [B, T, out]. */
  public String output() {
    return node("output");
  }

  /** {@code <scope><module with / for .>/<name>}. */
  public String node(String name) {
    return scope + module.replace('.', '/') + "/" + name;
  }
}
