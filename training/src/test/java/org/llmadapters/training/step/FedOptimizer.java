package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;

/** An update in a session, whose sums are fed by the test. */
final class FedOptimizer implements AutoCloseable {
  final ModelSession session = new ModelSession(new SessionOptions(1));
  private final List<Weight> trained;
  private final ClippedUpdate update;
  private final ClippedUpdate.Nodes nodes;
  private final Placeholder<TFloat32> loss = placeholder("loss");
  private final Placeholder<TFloat32> tokens = placeholder("tokens");
  private final List<Placeholder<TFloat32>> gradients = new ArrayList<>();

  FedOptimizer(OptimizerConfig config, List<Weight> trained) {
    this(config, trained, false);
  }

  /** An update that does nothing where the gradients are not finite, if {@code skipsOverflow}. */
  FedOptimizer(OptimizerConfig config, List<Weight> trained, boolean skipsOverflow) {
    this.trained = trained;
    session.declare(trained);
    for (Weight weight : trained) {
      gradients.add(placeholder("gradient_of_" + weight.name(), sizes(weight)));
    }
    update = new ClippedUpdate(session, trained, config, skipsOverflow);
    nodes =
        update.by(
            new GradientSums(
                loss,
                session.tf().identity(tokens), // what is fed cannot be fetched
                List.<Operand<TFloat32>>copyOf(gradients)));
  }

  /** One update by sums over {@code tokenCount} tokens. */
  StepOutcome step(UpdateRate rate, float lossSum, float tokenCount, float[]... sums) {
    List<Tensor> fed = new ArrayList<>();
    try {
      fed.add(TFloat32.scalarOf(lossSum));
      fed.add(TFloat32.scalarOf(tokenCount));
      Session.Runner runner =
          session.session().runner().feed(loss, fed.get(0)).feed(tokens, fed.get(1));
      for (int i = 0; i < sums.length; i++) {
        Tensor tensor = TFloat32.tensorOf(Shape.of(sizes(trained.get(i))), DataBuffers.of(sums[i]));
        fed.add(tensor);
        runner.feed(gradients.get(i), tensor);
      }
      return update.run(runner, nodes, rate);
    } finally {
      fed.forEach(Tensor::close);
    }
  }

  private Placeholder<TFloat32> placeholder(String name, long... shape) {
    return session
        .tf()
        .withName(name)
        .placeholder(TFloat32.class, Placeholder.shape(Shape.of(shape)));
  }

  private static long[] sizes(Weight weight) {
    return weight.shape().stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public void close() {
    session.close();
  }
}
