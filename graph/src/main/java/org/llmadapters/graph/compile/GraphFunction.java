package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import org.tensorflow.ConcreteFunction;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Operation;
import org.tensorflow.OperationBuilder;
import org.tensorflow.Output;
import org.tensorflow.Signature;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.DataType;

/**
 * A function made of a flat graph, to be called from other graphs, by XLA or not.
 *
 * <p>Gradients have to be in the body already: differentiating through a call uses a registry that
 * lacks half of what a transformer needs.
 */
public final class GraphFunction implements AutoCloseable {
  private final ConcreteFunction function;
  private final DataType[] outputTypes;

  private GraphFunction(ConcreteFunction function, DataType[] outputTypes) {
    this.function = function;
    this.outputTypes = outputTypes;
  }

  /**
   * The function that computes {@code outputs} from {@code inputs}; caller closes.
   *
   * @param name of the function, made unique by TensorFlow
   * @param body may be closed afterwards
   * @param inputs placeholders of {@code body}, in the order in which arguments are passed
   */
  public static GraphFunction of(
      String name,
      List<? extends Operand<?>> inputs,
      List<? extends Operand<?>> outputs,
      Graph body) {
    Signature.Builder signature = Signature.builder(name);
    for (int i = 0; i < inputs.size(); i++) {
      signature.input("input" + i, inputs.get(i));
    }
    DataType[] types = new DataType[outputs.size()];
    for (int i = 0; i < outputs.size(); i++) {
      signature.output("output" + i, outputs.get(i));
      types[i] = outputs.get(i).asOutput().dataType();
    }
    return new GraphFunction(ConcreteFunction.create(signature.build(), body), types);
  }

  /** The function itself, as control flow operations take it. */
  public ConcreteFunction concrete() {
    return function;
  }

  /** Types of the outputs. */
  public DataType[] outputTypes() {
    return outputTypes.clone();
  }

  /**
   * Adds a call to the graph of {@code tf}.
   *
   * @param nodeName of the call, taken as it is
   * @param arguments one for each input
   * @param xla whether XLA must compile the call as a whole
   * @return one operand for each output
   */
  public List<Output<?>> call(
      Ops tf, String nodeName, List<? extends Operand<?>> arguments, boolean xla) {
    Graph graph = (Graph) tf.scope().env();
    graph.attachFunction(function);
    OperationBuilder builder =
        graph
            .opBuilder("StatefulPartitionedCall", nodeName, tf.scope())
            .addInputList(arguments.stream().map(Operand::asOutput).toArray(Output<?>[]::new))
            .setAttr("Tout", outputTypes)
            .setAttr("f", function);
    if (xla) {
      // On the call node: TensorFlow ignores the attribute when only the function carries it.
      builder.setAttr("_XlaMustCompile", true);
    }
    Operation call = builder.build();
    List<Output<?>> results = new ArrayList<>();
    for (int i = 0; i < outputTypes.length; i++) {
      results.add(call.output(i));
    }
    return results;
  }

  @Override
  public void close() {
    function.close();
  }
}
