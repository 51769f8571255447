package org.llmadapters.graph.compile;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.device.XlaFlags;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TString;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * One graph and one session that hold the variables of a model. Functions that compute with them
 * are added by whoever needs them; the weights are loaded once and stay.
 */
public final class ModelSession implements VariableScope, AutoCloseable {
  /**
   * Tensors restored in one call: enough to keep the cores busy, few enough not to hold the model
   * twice.
   */
  private static final int RESTORED_AT_ONCE = 16;

  /** Bytes of values that go into or out of variables in one call. */
  private static final long MOVED_AT_ONCE = 64 << 20;

  private final Graph graph;
  private final Session session;
  private final Ops tf;
  private final Map<String, Weight> variables = new LinkedHashMap<>();

  /** An empty session; caller closes. */
  public ModelSession(SessionOptions options) {
    NativeLog.heedEnvironment();
    XlaFlags.setForCpu();
    this.graph = TensorFlowRuntime.newGraph();
    this.session = new Session(graph, options.toProto());
    this.tf = Ops.create(graph);
  }

  /** Adds variables, without values. */
  public void declare(List<Weight> weights) {
    GraphDef.Builder nodes = GraphDef.newBuilder();
    for (Weight weight : weights) {
      if (variables.put(weight.name(), weight) != null) {
        throw new IllegalArgumentException("variable " + weight.name() + " exists already");
      }
      nodes.addNode(VariableNodes.handle(weight)).addNode(VariableNodes.read(weight));
    }
    if (!weights.isEmpty()) { // importing nothing crashes TensorFlow Java
      graph.importGraphDef(nodes.build());
    }
  }

  /**
   * Reads the values of declared variables from a TensorBundle, once for each variable.
   *
   * @param prefix path of the bundle without {@code .index}
   * @param stored the variables as the bundle has them; a dtype other than the declared one is
   *     converted
   */
  public void restore(Path prefix, List<Weight> stored) {
    Operand<TString> file = tf.constant(prefix.toString());
    List<String> assignments = new ArrayList<>();
    for (Weight weight : stored) {
      Weight declared = declared(weight.name());
      var restored =
          tf.train.restore(
              file, tf.array(weight.name()), tf.array(""), List.of(TensorTypes.of(weight.dtype())));
      Operand<TFloating> value = restored.tensors().get(0).asOutput().op().output(0);
      if (weight.dtype() != declared.dtype()) {
        value = tf.dtypes.cast(value, TensorTypes.of(declared.dtype()));
      }
      assignments.add(assign(declared, value, "restore/" + weight.node()));
    }
    for (int from = 0; from < assignments.size(); from += RESTORED_AT_ONCE) {
      Session.Runner runner = session.runner();
      assignments
          .subList(from, Math.min(from + RESTORED_AT_ONCE, assignments.size()))
          .forEach(runner::addTarget);
      runner.run().close();
    }
  }

  /**
   * Where the values of variables come from.
   *
   * @param <E> what may go wrong there
   */
  public interface Values<E extends Exception> {
    /** The values of {@code weight}, row-major. */
    float[] of(Weight weight) throws E;
  }

  /**
   * Where the values of variables go.
   *
   * @param <E> what may go wrong there
   */
  public interface ValueSink<E extends Exception> {
    /** Takes the values of {@code weight}, row-major. */
    void accept(Weight weight, float[] values) throws E;
  }

  /**
   * Gives variables their values: row-major float32 arrays by variable name, rounded to the
   * variable's dtype.
   */
  public void assign(Map<String, float[]> values) {
    List<Weight> weights = values.keySet().stream().sorted().map(this::declared).toList();
    assign(weights, weight -> Objects.requireNonNull(values.get(weight.name())));
  }

  /**
   * Gives variables their values, rounded to the variable's dtype, asking for a few of them at a
   * time.
   */
  public <E extends Exception> void assign(List<Weight> weights, Values<E> values) throws E {
    for (List<Weight> part : parts(weights)) {
      Assignments assignments = new Assignments();
      for (Weight weight : part) {
        assignments.add(declared(weight.name()), values.of(weight));
      }
      assignments.run();
    }
  }

  /**
   * Cuts {@code weights} into parts of at most {@link #MOVED_AT_ONCE} bytes or one variable: every
   * call has TensorFlow go through the whole graph when it is made for the first time, so that one
   * call for each variable would take long.
   */
  private static List<List<Weight>> parts(List<Weight> weights) {
    List<List<Weight>> parts = new ArrayList<>();
    List<Weight> part = new ArrayList<>();
    long bytes = 0;
    for (Weight weight : weights) {
      long more = Float.BYTES * weight.elements();
      if (!part.isEmpty() && bytes + more > MOVED_AT_ONCE) {
        parts.add(part);
        part = new ArrayList<>();
        bytes = 0;
      }
      part.add(weight);
      bytes += more;
    }
    if (!part.isEmpty()) {
      parts.add(part);
    }
    return parts;
  }

  /** Values on their way into variables, in one call. */
  private final class Assignments {
    private final Session.Runner runner = session.runner();
    private final List<TFloat32> tensors = new ArrayList<>();

    void add(Weight weight, float[] value) {
      if (value.length != weight.elements()) {
        tensors.forEach(TFloat32::close);
        throw new IllegalArgumentException(
            weight.name() + ": got " + value.length + " values for shape " + weight.shape());
      }
      TFloat32 tensor = TFloat32.tensorOf(shape(weight), DataBuffers.of(value, true, false));
      tensors.add(tensor);
      String target = assignment(weight);
      runner.feed("value/" + weight.node(), tensor).addTarget(target);
    }

    void run() {
      runner.run().close();
      tensors.forEach(TFloat32::close);
    }
  }

  /**
   * The operation that assigns what is fed to {@code value/...}, rounded; added when first used.
   */
  private String assignment(Weight weight) {
    String target = "assign/" + weight.node();
    if (graph.operation(target) == null) {
      Operand<TFloat32> placeholder =
          graph
              .opBuilder("Placeholder", "value/" + weight.node(), tf.scope())
              .setAttr("dtype", WeightDtype.FLOAT32.dataType())
              .setAttr("shape", shape(weight))
              .build()
              .output(0);
      assign(
          weight,
          isFloat32(weight.name())
              ? placeholder
              : TensorTypes.cast(tf, placeholder, weight.dtype()),
          target);
    }
    return target;
  }

  private String assign(Weight weight, Operand<?> value, String name) {
    return graph
        .opBuilder("AssignVariableOp", name, tf.scope())
        .addInput(graph.operation(weight.node()).output(0))
        .addInput(value.asOutput())
        .setAttr("dtype", weight.dtype().dataType())
        .build()
        .name();
  }

  /** The value of a float32 variable, row-major. */
  public float[] value(Weight weight) {
    return values(List.of(weight)).get(0);
  }

  /**
   * Hands the values of float32 variables to {@code sink} in their order, reading a few of them at
   * a time.
   */
  public <E extends Exception> void forEachValue(List<Weight> weights, ValueSink<E> sink) throws E {
    for (List<Weight> part : parts(weights)) {
      List<float[]> values = values(part);
      for (int i = 0; i < part.size(); i++) {
        sink.accept(part.get(i), values.get(i));
      }
    }
  }

  private List<float[]> values(List<Weight> weights) {
    Session.Runner runner = session.runner();
    for (Weight weight : weights) {
      Weight declared = declared(weight.name());
      if (declared.dtype() != WeightDtype.FLOAT32) {
        throw new IllegalArgumentException(
            weight.name() + " is " + declared.dtype().hfName() + ", expected float32");
      }
      runner.fetch(VariableNodes.readName(declared));
    }
    try (Result result = runner.run()) {
      List<float[]> values = new ArrayList<>();
      for (int i = 0; i < weights.size(); i++) {
        float[] copy = new float[Math.toIntExact(weights.get(i).elements())];
        ((TFloat32) result.get(i)).copyTo(DataBuffers.of(copy, false, false));
        values.add(copy);
      }
      return values;
    }
  }

  /** The value of a declared variable, to compute with. */
  @Override
  public <T extends TFloating> Operand<T> read(Weight weight) {
    return graph.operation(VariableNodes.readName(declared(weight.name()))).output(0);
  }

  /**
   * The value of a node that depends on variables alone, to compute with.
   *
   * @param flat a graph whose variables are declared here
   * @param node of that graph
   * @param name of the call, unique in this session
   */
  public <T extends TType> Operand<T> compute(GraphDef flat, String node, String name) {
    VariablesAsInputs part =
        VariablesAsInputs.of(
            GraphPruner.keep(GraphPruner.withoutControlEdges(flat), List.of(node)));
    try (Graph body = TensorFlowRuntime.newGraph()) {
      body.importGraphDef(part.body());
      List<Operand<?>> inputs = new ArrayList<>();
      List<Operand<?>> arguments = new ArrayList<>();
      for (Weight variable : part.variables()) {
        inputs.add(body.operation(part.input(variable)).output(0));
        arguments.add(read(variable));
      }
      try (GraphFunction function =
          GraphFunction.of("value", inputs, List.of(body.operation(node).output(0)), body)) {
        return function.call(tf, name, arguments, false).get(0).asOutput().op().output(0);
      }
    }
  }

  /** Whether there is a variable called {@code name}. */
  public boolean holds(String name) {
    return variables.containsKey(name);
  }

  /** Whether the variable called {@code name} is held in float32. */
  @Override
  public boolean isFloat32(String name) {
    return declared(name).dtype() == WeightDtype.FLOAT32;
  }

  /** The resource of a declared variable, to assign to. */
  @Override
  public Operand<?> handle(Weight weight) {
    return graph.operation(declared(weight.name()).node()).output(0);
  }

  /** Declares float32 variables with zeros in them. */
  public void declareZeros(List<Weight> weights) {
    if (weights.isEmpty()) {
      return;
    }
    declare(weights);
    Session.Runner runner = session.runner();
    weights.forEach(weight -> runner.addTarget(assignZeros(weight)));
    runner.run().close();
  }

  /** An operation that sets a float32 variable to zeros. */
  public Op assignZeros(Weight weight) {
    long[] sizes = weight.shape().stream().mapToLong(Long::longValue).toArray();
    return tf.assignVariableOp(handle(weight), tf.zeros(tf.constant(sizes), TFloat32.class));
  }

  /** Adds operations to the graph. */
  @Override
  public Ops tf() {
    return tf;
  }

  /** Runs operations of the graph. */
  public Session session() {
    return session;
  }

  /** The graph itself. */
  public Graph graph() {
    return graph;
  }

  /** The variable called {@code name} as it is held here. */
  Weight declared(String name) {
    Weight weight = variables.get(name);
    if (weight == null) {
      throw new IllegalArgumentException("no variable is called " + name);
    }
    return weight;
  }

  private static Shape shape(Weight weight) {
    return Shape.of(weight.shape().stream().mapToLong(Long::longValue).toArray());
  }

  @Override
  public void close() {
    session.close();
    graph.close();
  }
}
