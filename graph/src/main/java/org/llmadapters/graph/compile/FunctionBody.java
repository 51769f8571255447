package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.DataType;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * The body of a function that reads and assigns the variables of a {@link ModelSession}, which it
 * takes as resources: under XLA everything in it is one program.
 */
public final class FunctionBody implements VariableScope, AutoCloseable {
  private final ModelSession model;
  private final Graph graph = TensorFlowRuntime.newGraph();
  private final Ops tf = Ops.create(graph);
  private final Map<String, Output<?>> handles = new LinkedHashMap<>();
  private final Map<String, Output<?>> values = new LinkedHashMap<>();

  /** An empty body; caller closes, after {@link #call}. */
  public FunctionBody(ModelSession model) {
    this.model = model;
  }

  @Override
  public Ops tf() {
    return tf;
  }

  @Override
  public <T extends TFloating> Operand<T> read(Weight variable) {
    Output<?> value = values.get(variable.name());
    if (value == null) {
      value =
          graph
              .opBuilder("ReadVariableOp", "value_" + values.size(), tf.scope())
              .addInput(handle(variable).asOutput())
              .setAttr("dtype", model.declared(variable.name()).dtype().dataType())
              .build()
              .output(0);
      values.put(variable.name(), value);
    }
    return value.op().output(value.index());
  }

  @Override
  public Operand<?> handle(Weight variable) {
    return handles.computeIfAbsent(
        variable.name(),
        name ->
            graph
                .opBuilder("Placeholder", "resource_" + handles.size(), tf.scope())
                .setAttr("dtype", DataType.DT_RESOURCE)
                .setAttr("shape", Shape.scalar())
                .build()
                .output(0));
  }

  @Override
  public boolean isFloat32(String name) {
    return model.isFloat32(name);
  }

  /**
   * Makes the function and adds a call of it to the session's graph.
   *
   * @param name of the function and of the call, unique in that graph
   * @param inputs placeholders of the body
   * @param arguments of the call, one for each input
   * @param updates run by the call
   * @param outputs of the body, at least one
   * @param xla whether XLA must compile the call as a whole
   * @return one operand for each output
   */
  public List<Output<?>> call(
      String name,
      List<? extends Operand<?>> inputs,
      List<? extends Operand<?>> arguments,
      List<Op> updates,
      List<? extends Operand<?>> outputs,
      boolean xla) {
    List<Operand<?>> allInputs = new ArrayList<>(inputs);
    allInputs.addAll(handles.values());
    List<Operand<?>> allArguments = new ArrayList<>(arguments);
    for (String variable : handles.keySet()) {
      allArguments.add(model.handle(model.declared(variable)));
    }
    // A function runs what its outputs depend on.
    Ops afterwards = tf.withControlDependencies(updates);
    List<Operand<?>> results = new ArrayList<>();
    for (Operand<?> output : outputs) {
      results.add(identity(afterwards, output));
    }
    try (GraphFunction function = GraphFunction.of(name, allInputs, results, graph)) {
      return function.call(model.tf(), name, allArguments, xla);
    }
  }

  private static <T extends TType> Operand<T> identity(Ops tf, Operand<T> value) {
    return tf.identity(value);
  }

  @Override
  public void close() {
    graph.close();
  }
}
