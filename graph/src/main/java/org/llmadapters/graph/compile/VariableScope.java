package org.llmadapters.graph.compile;

import org.llmadapters.graph.Weight;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;

/**
 * Where operations are added that read and assign the variables of a model: the graph of a {@link
 * ModelSession}, or the {@link FunctionBody} of a function that it calls.
 */
public interface VariableScope {
  /** Adds operations. */
  Ops tf();

  /** The value of {@code variable} before anything is assigned to it here. */
  <T extends TFloating> Operand<T> read(Weight variable);

  /** The resource of {@code variable}, to assign to. */
  Operand<?> handle(Weight variable);

  /** Whether the variable called {@code name} is held in float32. */
  boolean isFloat32(String name);
}
