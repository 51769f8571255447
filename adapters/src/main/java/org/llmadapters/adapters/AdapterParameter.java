package org.llmadapters.adapters;

import java.util.List;
import java.util.random.RandomGenerator;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/**
 * One trained tensor of an adapter, always float32.
 *
 * @param name PEFT's key without {@code base_model.model.}: {@code
 *     model.layers.0.self_attn.q_proj.lora_A.weight}
 * @param shape as PEFT stores it
 * @param initializer its value before training
 */
public record AdapterParameter(String name, List<Long> shape, Initializer initializer) {

  /** The one tensor of prefix tuning, prompt tuning and P-tuning, as PEFT calls it. */
  public static final String PROMPT_EMBEDDINGS = "prompt_embeddings";

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

    /** Element by element, without regard to the base. */
    sealed interface Drawn extends Initializer {
      /** The next element. */
      double next(RandomGenerator random);
    }

    /** All zeros. */
    record Zeros() implements Drawn {
      @Override
      public double next(RandomGenerator random) {
        return 0;
      }
    }

    /** All ones. */
    record Ones() implements Drawn {
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
    record Uniform(double bound) implements Drawn {
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
    record Normal(double deviation) implements Drawn {
      @Override
      public double next(RandomGenerator random) {
        return random.nextGaussian() * deviation;
      }
    }

    /**
     * The embeddings of the tokens of a text, repeated or cut to as many as there are rows.
     *
     * @param text in the words of the model's tokenizer
     */
    record TextEmbeddings(String text) implements Initializer {}

    /**
     * The norm of every output's weights in a layer: [out].
     *
     * @param weight of the layer, [out, in] or [in, out]
     * @param layout which of the two
     */
    record OutputNorms(Weight weight, WeightLayout layout) implements Initializer {

      /**
       * The norms.
       *
       * @param value float32, as it is stored
       * @return float32 [out]
       */
      public Operand<TFloat32> of(Ops tf, Operand<TFloat32> value) {
        int in = layout == WeightLayout.OUT_IN ? 1 : 0;
        return tf.math.sqrt(tf.sum(tf.math.square(value), tf.constant(in)));
      }
    }

    /**
     * What the base has.
     *
     * @param weight of the base that this takes the place of
     */
    record OfBase(Weight weight) implements Initializer {}

    /**
     * One of the two factors of LoRA, which are computed together.
     *
     * @param side which of them
     */
    record Factor(LoraFactors factors, Side side) implements Initializer {
      /** A factor. */
      public enum Side {
        /** {@code lora_A}: [r, in]. */
        A,
        /** {@code lora_B}: [out, r]. */
        B
      }
    }
  }
}
