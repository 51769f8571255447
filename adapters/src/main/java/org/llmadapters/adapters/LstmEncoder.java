package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.types.TFloat32;

/**
 * A bidirectional LSTM over the virtual tokens:
 *
 * <pre>
 *   i, f, g, o = the four parts of W_ih x + b_ih + W_hh h + b_hh
 *   c' = sigmoid(f) c + sigmoid(i) tanh(g)
 *   h' = sigmoid(o) tanh(c')
 * </pre>
 *
 * from h = c = 0, once forwards and once backwards; both h' side by side are the result, or what
 * the next layer reads. Parameters are named as by PyTorch's {@code LSTM} and start uniform in
 * {@code (-1/sqrt(H), 1/sqrt(H))}.
 *
 * @param path {@code prompt_encoder.lstm_head}
 * @param input what it encodes: float32 [P, width]
 * @param length P
 * @param width of the input
 * @param hiddenSize H; the result is [P, 2H]
 * @param layers how many there are
 * @param dropout between layers, while training
 */
record LstmEncoder(
    String path,
    PromptEncoder input,
    int length,
    int width,
    int hiddenSize,
    int layers,
    double dropout)
    implements PromptEncoder {

  @Override
  public Operand<TFloat32> encode(Splice.Part part) {
    Ops tf = part.tf();
    Operand<TFloat32> x = input.encode(part);
    long in = width;
    for (int layer = 0; layer < layers; layer++) {
      if (layer > 0 && dropout > 0 && part.dropout()) {
        x =
            tf.dtypes.cast(
                Dropout.apply(
                    tf,
                    TensorTypes.cast(tf, x, WeightDtype.FLOAT32),
                    dropout,
                    part.dropoutSeed(layer),
                    WeightDtype.FLOAT32),
                TFloat32.class);
      }
      x =
          tf.concat(
              List.of(
                  direction(part, x, in, "_l" + layer, false),
                  direction(part, x, in, "_l" + layer + "_reverse", true)),
              tf.constant(1));
      in = 2L * hiddenSize;
    }
    return x;
  }

  /** float32 [P, in] -> [P, H]. */
  private Operand<TFloat32> direction(
      Splice.Part part, Operand<TFloat32> x, long in, String suffix, boolean backwards) {
    Ops tf = part.tf();
    long gates = 4L * hiddenSize;
    Operand<TFloat32> inputs =
        tf.math.add(
            tf.linalg.matMul(
                x,
                parameter(part, "weight_ih" + suffix, List.of(gates, in)),
                MatMul.transposeB(true)),
            parameter(part, "bias_ih" + suffix, List.of(gates))); // [P, 4H]
    Operand<TFloat32> recurrent =
        parameter(part, "weight_hh" + suffix, List.of(gates, (long) hiddenSize));
    Operand<TFloat32> bias = parameter(part, "bias_hh" + suffix, List.of(gates));
    Operand<TFloat32> h = tf.zeros(tf.constant(new int[] {1, hiddenSize}), TFloat32.class);
    Operand<TFloat32> c = h;
    List<Operand<TFloat32>> outputs = new ArrayList<>();
    for (int step = 0; step < length; step++) {
      int row = backwards ? length - 1 - step : step;
      Operand<TFloat32> sum =
          tf.math.add(
              tf.slice(
                  inputs,
                  tf.constant(new int[] {row, 0}),
                  tf.constant(new int[] {1, 4 * hiddenSize})),
              tf.math.add(tf.linalg.matMul(h, recurrent, MatMul.transposeB(true)), bias));
      List<Output<TFloat32>> gate = tf.split(tf.constant(1), sum, 4L).output();
      c =
          tf.math.add(
              tf.math.mul(tf.math.sigmoid(gate.get(1)), c),
              tf.math.mul(tf.math.sigmoid(gate.get(0)), tf.math.tanh(gate.get(2))));
      h = tf.math.mul(tf.math.sigmoid(gate.get(3)), tf.math.tanh(c));
      outputs.add(h);
    }
    if (backwards) {
      Collections.reverse(outputs);
    }
    return tf.concat(outputs, tf.constant(0));
  }

  private Operand<TFloat32> parameter(Splice.Part part, String name, List<Long> shape) {
    return part.trainable(
        new AdapterParameter(
            path + "." + name, shape, new Initializer.Uniform(1 / Math.sqrt((double) hiddenSize))));
  }
}
