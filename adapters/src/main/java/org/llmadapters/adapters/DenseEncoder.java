package org.llmadapters.adapters;

import java.util.List;
import java.util.function.BiFunction;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.types.TFloat32;

/**
 * Linear layers with one non-linearity between them: {@code W2 f(W1 f(W0 e + b0) + b1) + b2}, of
 * trained vectors e or of what another encoder gives.
 *
 * <p>Parameters are named as by PyTorch's {@code Sequential}, where the non-linearities count:
 * {@code <path>.0.weight} [widths[1], widths[0]], {@code <path>.0.bias}, {@code <path>.2.weight},
 * ... They start uniform in {@code (-1/sqrt(in), 1/sqrt(in))}.
 *
 * @param path {@code prompt_encoder.mlp_head}
 * @param input what it encodes: float32 [P, widths[0]]
 * @param widths of what goes into the layers, and of the result
 * @param nonLinearity f
 */
record DenseEncoder(
    String path,
    PromptEncoder input,
    List<Integer> widths,
    BiFunction<Ops, Operand<TFloat32>, Operand<TFloat32>> nonLinearity)
    implements PromptEncoder {

  DenseEncoder {
    widths = List.copyOf(widths);
  }

  @Override
  public Operand<TFloat32> encode(Splice.Part part) {
    Operand<TFloat32> x = input.encode(part);
    for (int layer = 0; layer + 1 < widths.size(); layer++) {
      if (layer > 0) {
        x = nonLinearity.apply(part.tf(), x);
      }
      long in = widths.get(layer);
      long out = widths.get(layer + 1);
      Initializer initializer = new Initializer.Uniform(1 / Math.sqrt((double) in));
      String name = path + "." + 2 * layer;
      Operand<TFloat32> weight =
          part.trainable(new AdapterParameter(name + ".weight", List.of(out, in), initializer));
      Operand<TFloat32> bias =
          part.trainable(new AdapterParameter(name + ".bias", List.of(out), initializer));
      x = part.tf().math.add(part.tf().linalg.matMul(x, weight, MatMul.transposeB(true)), bias);
    }
    return x;
  }
}
