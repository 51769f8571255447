package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.step.ReplicatedFunction;

/**
 * What is trained: an adapter, or the model as a whole. Its variables are loaded; caller closes.
 */
public interface Trainee extends AutoCloseable {

  /** Where the variables live. */
  ModelSession session();

  /** The graph to train: with dropout, if any. */
  ReplicatedFunction.Computation training();

  /** The graph to evaluate: without dropout, nothing to differentiate by. */
  ReplicatedFunction.Computation inference();

  /** The float32 variables that are trained. */
  default List<Weight> variables() {
    return training().trained();
  }

  /**
   * The float32 variables that a checkpoint holds: those that are trained, and those of an adapter
   * that keep their initial values.
   */
  default List<Weight> kept() {
    return variables();
  }

  /** What the model computes with. */
  WeightDtype dtype();

  /** Parameters of the whole model, adapter included. */
  long totalParameters();

  /** Writes the result of training into {@code directory}, in a format that others read. */
  void save(Path directory) throws IOException;

  @Override
  void close();
}
