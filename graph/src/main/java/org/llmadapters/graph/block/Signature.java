package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;
import org.tensorflow.proto.TensorShapeProto;

/**
 * Collects the inputs and outputs of a {@code SignatureDef}. A {@code TensorInfo} carries the exact
 * shape of its tensor, -1 for sizes that are free: TensorFlow's loader refuses anything else.
 */
public final class Signature {
  private final SignatureDef.Builder signature =
      SignatureDef.newBuilder().setMethodName("tensorflow/serving/predict");

  /** Adds an input called {@code alias}. */
  public Signature input(String alias, Operand<?> operand) {
    signature.putInputs(alias, info(operand.asOutput()));
    return this;
  }

  /** Adds an output called {@code alias}. */
  public Signature output(String alias, Operand<?> operand) {
    signature.putOutputs(alias, info(operand.asOutput()));
    return this;
  }

  /** Adds the first output of the node {@code node} as an output called {@code alias}. */
  Signature output(String alias, String node, DataType dtype, Shape shape) {
    signature.putOutputs(alias, info(node + ":0", dtype, shape));
    return this;
  }

  /** The signature. */
  public SignatureDef build() {
    return signature.build();
  }

  private static TensorInfo info(Output<?> output) {
    return info(output.op().name() + ":" + output.index(), output.dataType(), output.shape());
  }

  private static TensorInfo info(String tensor, DataType dtype, Shape sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    if (sizes.isUnknown()) {
      shape.setUnknownRank(true);
    } else {
      for (long size : sizes.asArray()) {
        shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
      }
    }
    return TensorInfo.newBuilder().setName(tensor).setDtype(dtype).setTensorShape(shape).build();
  }
}
