package org.llmadapters.adapters;

import java.util.List;
import java.util.random.RandomGenerator;
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
    /** The next element. */
    double next(RandomGenerator random);

    /** All zeros. */
    record Zeros() implements Initializer {
      @Override
      public double next(RandomGenerator random) {
        return 0;
      }
    }

    /** All ones. */
    record Ones() implements Initializer {
      @Override
      public double next(RandomGenerator random) {
        return 1;
      }
    }

    /**
     * Uniform in {@code (-bound, bound)}.
     *
     * @param bound above 0
     */
    record Uniform(double bound) implements Initializer {
      @Override
      public double next(RandomGenerator random) {
        return (2 * random.nextDouble() - 1) * bound;
      }
    }

    /**
     * Normally distributed around 0.
     *
     * @param deviation the standard deviation, above 0
     */
    record Normal(double deviation) implements Initializer {
      @Override
      public double next(RandomGenerator random) {
        return random.nextGaussian() * deviation;
      }
    }
  }
}
