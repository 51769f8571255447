package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;

/**
 * One trained tensor of an adapter, always float32.
 *
 * @param name PEFT's key without {@code base_model.model.}: {@code
 *     model.layers.0.self_attn.q_proj.lora_A.weight}
 * @param shape as PEFT stores it
 * @param initializer its value before training
 */
public record AdapterParameter(String name, List<Long> shape, Initializer initializer) {

  public AdapterParameter {
    shape = List.copyOf(shape);
  }

  /** The variable that holds it in the graph of the adapter called {@code adapterName}. */
  public Weight variable(String adapterName) {
    return new Weight("adapters." + adapterName + "." + name, WeightDtype.FLOAT32, shape);
  }

  /** Number of elements. */
  public long elements() {
    return variable("").elements();
  }

  /** How a parameter starts. */
  public sealed interface Initializer {
    /** All zeros. */
    record Zeros() implements Initializer {}

    /**
     * Uniform in {@code (-bound, bound)}.
     *
     * @param bound above 0
     */
    record Uniform(double bound) implements Initializer {}
  }
}
