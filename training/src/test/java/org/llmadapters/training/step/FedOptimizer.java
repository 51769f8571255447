package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.FunctionBody;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;

/**
 * An update whose sums are fed by the test: operations of a session, or one program that XLA
 * compiles.
 */
final class FedOptimizer implements AutoCloseable {
  final ModelSession session = new ModelSession(SessionOptions.oneReplica());
  private final OptimizerConfig config;
  private final boolean skipsOverflow;
  private final List<Weight> trained;
  private final StepCall update;
  private final Sums fed;

  FedOptimizer(OptimizerConfig config, List<Weight> trained) {
    this(config, trained, false);
  }

  FedOptimizer(OptimizerConfig config, List<Weight> trained, boolean oneProgram) {
    this(config, trained, oneProgram, false);
  }

  /**
   * An update.
   *
   * @param oneProgram whether XLA compiles it
   * @param skipsOverflow whether it does nothing where the gradients are not finite
   */
  FedOptimizer(
      OptimizerConfig config, List<Weight> trained, boolean oneProgram, boolean skipsOverflow) {
    this.config = config;
    this.skipsOverflow = skipsOverflow;
    this.trained = trained;
    session.declare(trained);
    session.declareZeros(
        trained.stream().flatMap(weight -> config.optimizer().state(weight).stream()).toList());
    fed = new Sums(session.tf(), trained);
    UpdateInputs rate = UpdateInputs.of(session.tf(), config.optimizer());
    ClippedUpdate.Nodes nodes =
        oneProgram
            ? called(rate)
            : new ClippedUpdate(session, trained, config, rate, skipsOverflow)
                .by(fed.asGradients());
    update = StepCall.of(null, rate, nodes);
  }

  private ClippedUpdate.Nodes called(UpdateInputs rate) {
    try (FunctionBody body = new FunctionBody(session)) {
      Sums inside = new Sums(body.tf(), trained);
      UpdateInputs rateInside = UpdateInputs.of(body.tf(), config.optimizer());
      ClippedUpdate.Nodes nodes =
          new ClippedUpdate(body, trained, config, rateInside, skipsOverflow)
              .by(inside.asGradients());
      return nodes.calledIn(
          body,
          "update",
          Stream.concat(inside.placeholders().stream(), rateInside.operands().stream()).toList(),
          Stream.concat(fed.placeholders().stream(), rate.operands().stream()).toList());
    }
  }

  /** Placeholders for sums over a batch. */
  private static final class Sums {
    private final Ops tf;
    private final Placeholder<TFloat32> loss;
    private final Placeholder<TFloat32> tokens;
    private final List<Placeholder<TFloat32>> gradients = new ArrayList<>();

    Sums(Ops tf, List<Weight> trained) {
      this.tf = tf;
      this.loss = placeholder("loss");
      this.tokens = placeholder("tokens");
      for (Weight weight : trained) {
        gradients.add(placeholder("gradient_of_" + weight.name(), sizes(weight)));
      }
    }

    private Placeholder<TFloat32> placeholder(String name, long... shape) {
      return tf.withName(name).placeholder(TFloat32.class, Placeholder.shape(Shape.of(shape)));
    }

    List<Operand<?>> placeholders() {
      List<Operand<?>> all = new ArrayList<>(List.of(loss, tokens));
      all.addAll(gradients);
      return all;
    }

    GradientSums asGradients() {
      return new GradientSums(
          loss,
          tf.identity(tokens), // what is fed cannot be fetched
          List.<Operand<TFloat32>>copyOf(gradients));
    }
  }

  /** One update by sums over {@code tokenCount} tokens. */
  StepOutcome step(UpdateRate rate, float lossSum, float tokenCount, float[]... sums) {
    List<Tensor> tensors = new ArrayList<>();
    try {
      tensors.add(TFloat32.scalarOf(lossSum));
      tensors.add(TFloat32.scalarOf(tokenCount));
      Session.Runner runner = session.session().runner();
      runner.feed(fed.loss, tensors.get(0)).feed(fed.tokens, tensors.get(1));
      for (int i = 0; i < sums.length; i++) {
        Tensor tensor = TFloat32.tensorOf(Shape.of(sizes(trained.get(i))), DataBuffers.of(sums[i]));
        tensors.add(tensor);
        runner.feed(fed.gradients.get(i), tensor);
      }
      return update.update(runner, config.optimizer(), rate);
    } finally {
      tensors.forEach(Tensor::close);
    }
  }

  private static long[] sizes(Weight weight) {
    return weight.shape().stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public void close() {
    session.close();
  }
}
