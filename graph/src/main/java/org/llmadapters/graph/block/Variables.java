package org.llmadapters.graph.block;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Operation;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Scope;
import org.tensorflow.types.family.TFloating;

/**
 * The variables of a model under construction: a {@code VarHandleOp} and one {@code ReadVariableOp}
 * per weight, whoever and however often asks for it. Which weights a checkpoint must have is
 * exactly what was asked for here.
 */
final class Variables {
  private final Scope scope;
  private final WeightDtype dtype;
  private final Map<String, Operand<TFloating>> reads = new HashMap<>();
  private final List<Weight> weights = new ArrayList<>();

  /** Variables of {@code dtype} in the graph of {@code rootScope}. */
  Variables(Scope rootScope, WeightDtype dtype) {
    this.scope = rootScope;
    this.dtype = dtype;
  }

  WeightDtype dtype() {
    return dtype;
  }

  /** In the order in which they were first asked for. */
  List<Weight> weights() {
    return List.copyOf(weights);
  }

  /** The value of the variable {@code name}: dtype [shape]. */
  Operand<TFloating> read(String name, long... shape) {
    return reads.computeIfAbsent(
        name, key -> create(new Weight(key, dtype, Arrays.stream(shape).boxed().toList())));
  }

  private Operand<TFloating> create(Weight weight) {
    weights.add(weight);
    long[] sizes = weight.shape().stream().mapToLong(Long::longValue).toArray();
    // Names given to Ops may not contain '/', and Ops would make them unique: opBuilder takes them
    // as they are.
    Operation handle =
        scope
            .env()
            .opBuilder("VarHandleOp", weight.node(), scope)
            .setAttr("dtype", dtype.dataType())
            .setAttr("shape", Shape.of(sizes))
            .setAttr("shared_name", weight.node())
            .build();
    Operation read =
        scope
            .env()
            .opBuilder("ReadVariableOp", weight.node() + "/Read", scope)
            .setAttr("dtype", dtype.dataType())
            .addInput(handle.output(0))
            .build();
    return read.output(0);
  }
}
