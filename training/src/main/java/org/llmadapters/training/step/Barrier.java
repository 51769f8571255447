package org.llmadapters.training.step;

import java.util.List;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Operation;
import org.tensorflow.Output;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;

/**
 * A point that some tensors pass together: what reads one of them waits for all of them, and no
 * optimizer, TensorFlow's or XLA's, takes what is computed behind it for what was computed before.
 */
final class Barrier {
  private static final String OP = "XlaOptimizationBarrier";

  private Barrier() {}

  /** {@code tensors} again. */
  static List<Output<?>> of(Ops tf, String name, List<? extends Operand<?>> tensors) {
    Graph graph = (Graph) tf.scope().env();
    Operation barrier =
        graph
            .opBuilder(OP, name, tf.scope())
            .addInputList(tensors.stream().map(Operand::asOutput).toArray(Output<?>[]::new))
            .setAttr(
                "T",
                tensors.stream()
                    .map(tensor -> tensor.asOutput().dataType())
                    .toArray(DataType[]::new))
            .build();
    return List.of(barrier.outputList(0, tensors.size()));
  }

  /** The same for a graph that is not there yet; its outputs are the tensors again. */
  static NodeDef node(String name, List<String> tensors, List<DataType> types) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp(OP)
        .addAllInput(tensors)
        .putAttr(
            "T",
            AttrValue.newBuilder()
                .setList(AttrValue.ListValue.newBuilder().addAllType(types))
                .build())
        .build();
  }
}
