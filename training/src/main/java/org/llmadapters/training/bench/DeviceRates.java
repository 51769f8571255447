package org.llmadapters.training.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Operation;
import org.tensorflow.Output;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.VarHandleOp;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GraphOptions;
import org.tensorflow.proto.RewriterConfig;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * How fast a device multiplies matrices and how fast it reads and writes memory, through TensorFlow
 * and with operands that lie on the device: what a training step or a decoder can reach at best.
 *
 * <p>Products follow each other, each taking the result of the one before; several such chains may
 * run side by side. No optimizer touches them.
 */
final class DeviceRates {
  /** Products, or copies, that follow each other in a run. */
  private static final int CHAIN = 8;

  private static final int WARM_UP = 2;
  private static final int LEAST_RUNS = 5;
  private static final double LEAST_MILLISECONDS = 1000;

  private final ConfigProto config;
  private final int chains;

  /**
   * Rates on the devices of {@code config}.
   *
   * @param chains that run side by side: as many as a step has replicas
   */
  DeviceRates(ConfigProto config, int chains) {
    this.config =
        config.toBuilder()
            .setGraphOptions(
                GraphOptions.newBuilder()
                    .setRewriteOptions(RewriterConfig.newBuilder().setDisableMetaOptimizer(true)))
            .build();
    this.chains = chains;
  }

  /** Floating-point operations per second in products of one shape, all chains together. */
  double products(WeightDtype dtype, MatrixProduct product, boolean xla) throws IOException {
    try (Graph graph = TensorFlowRuntime.newGraph();
        Session session = new Session(graph, config)) {
      Ops tf = Ops.create(graph);
      List<Operation> targets = new ArrayList<>();
      try (GraphFunction chain = chain(dtype, product)) {
        for (int i = 0; i < chains; i++) {
          List<Operand<?>> arguments =
              List.of(
                  random(session, tf, dtype, i, product.rows(), product.inner()),
                  random(session, tf, dtype, i, product.inner(), product.columns()),
                  random(session, tf, dtype, i, product.columns(), product.inner()));
          Output<?> result = chain.call(tf, "chain_" + i, arguments, xla).get(0);
          targets.add(result.op());
        }
      }
      return chains * CHAIN * product.flops() / seconds(session, targets);
    }
  }

  /** Bytes that are read and written per second, all chains together. */
  double copies(int elements) throws IOException {
    try (Graph graph = TensorFlowRuntime.newGraph();
        Session session = new Session(graph, config)) {
      Ops tf = Ops.create(graph);
      List<Operation> targets = new ArrayList<>();
      for (int i = 0; i < chains; i++) {
        Operand<TFloating> value = random(session, tf, WeightDtype.FLOAT32, i, elements);
        for (int step = 0; step < CHAIN; step++) {
          value = tf.math.neg(value);
        }
        targets.add(value.op());
      }
      return 2.0 * Float.BYTES * elements * chains * CHAIN / seconds(session, targets);
    }
  }

  /** {@code a b c b c ...}, of which a number is taken so that nothing is left out. */
  private static GraphFunction chain(WeightDtype dtype, MatrixProduct product) {
    try (Graph body = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(body);
      Class<TFloating> type = TensorTypes.of(dtype);
      List<Operand<TFloating>> inputs =
          List.of(
              input(tf, type, product.rows(), product.inner()),
              input(tf, type, product.inner(), product.columns()),
              input(tf, type, product.columns(), product.inner()));
      Operand<TFloating> value = inputs.get(0);
      for (int i = 0; i < CHAIN; i++) {
        value = tf.linalg.matMul(value, inputs.get(1 + i % 2));
      }
      Operand<TFloat32> result = tf.nn.l2Loss(tf.dtypes.cast(value, TFloat32.class));
      return GraphFunction.of("products", inputs, List.of(result), body);
    }
  }

  private static Operand<TFloating> input(Ops tf, Class<TFloating> type, long... shape) {
    return tf.placeholder(type, Placeholder.shape(Shape.of(shape)));
  }

  /** A variable with values of deviation 1 / sqrt(last size), so that products stay as large. */
  private static Operand<TFloating> random(
      Session session, Ops tf, WeightDtype dtype, int seed, long... shape) {
    Class<TFloating> type = TensorTypes.of(dtype);
    String name = "factor_" + seed + "_" + tf.scope().makeOpName("factor");
    VarHandleOp handle = tf.varHandleOp(type, Shape.of(shape), VarHandleOp.sharedName(name));
    Operand<TInt32> seeds = tf.constant(new int[] {seed, shape.length});
    Operand<TFloat32> normal =
        tf.random.statelessRandomNormal(tf.constant(shape), seeds, TFloat32.class);
    float deviation = (float) (1 / Math.sqrt((double) shape[shape.length - 1]));
    Op assignment =
        tf.assignVariableOp(
            handle, tf.dtypes.cast(tf.math.mul(normal, tf.constant(deviation)), type));
    session.runner().addTarget(assignment).run().close();
    return tf.readVariableOp(handle, type);
  }

  /** Median of the seconds that a run takes. */
  private static double seconds(Session session, List<Operation> targets) throws IOException {
    Session.Runner runner = session.runner();
    targets.forEach(runner::addTarget);
    for (int i = 0; i < WARM_UP; i++) {
      runner.run().close();
    }
    Timings timings = new Timings();
    double spent = 0;
    for (int i = 0; i < LEAST_RUNS || spent < LEAST_MILLISECONDS; i++) {
      spent += timings.measure(() -> runner.run().close());
    }
    return timings.median() / 1000;
  }
}
