package org.llmadapters.graph.compile;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
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
public final class ModelSession implements AutoCloseable {
  /**
   * Tensors restored in one call: enough to keep the cores busy, few enough not to hold the model
   * twice.
   */
  private static final int RESTORED_AT_ONCE = 16;

  private final Graph graph;
  private final Session session;
  private final Ops tf;
  private final Map<String, Weight> variables = new LinkedHashMap<>();

  /** An empty session; caller closes. */
  public ModelSession(SessionOptions options) {
    NativeLog.heedEnvironment();
    this.graph = new Graph();
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
    graph.importGraphDef(nodes.build());
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
   * Gives variables their values: row-major float32 arrays by variable name, rounded to the
   * variable's dtype.
   */
  public void assign(Map<String, float[]> values) {
    values.forEach(this::assign);
  }

  private void assign(String name, float[] value) {
    Weight weight = declared(name);
    if (value.length != weight.elements()) {
      throw new IllegalArgumentException(
          name + ": got " + value.length + " values for shape " + weight.shape());
    }
    String target = "assign/" + weight.node();
    String feed = "value/" + weight.node();
    if (graph.operation(target) == null) {
      Operand<TFloat32> placeholder =
          graph
              .opBuilder("Placeholder", feed, tf.scope())
              .setAttr("dtype", WeightDtype.FLOAT32.dataType())
              .setAttr("shape", shape(weight))
              .build()
              .output(0);
      assign(
          weight,
          isFloat32(name) ? placeholder : TensorTypes.cast(tf, placeholder, weight.dtype()),
          target);
    }
    try (TFloat32 tensor = TFloat32.tensorOf(shape(weight), DataBuffers.of(value, true, false))) {
      session.runner().feed(feed, tensor).addTarget(target).run().close();
    }
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
    Weight declared = declared(weight.name());
    if (declared.dtype() != WeightDtype.FLOAT32) {
      throw new IllegalArgumentException(
          weight.name() + " is " + declared.dtype().hfName() + ", expected float32");
    }
    try (Result result = session.runner().fetch(VariableNodes.readName(declared)).run()) {
      float[] copy = new float[Math.toIntExact(weight.elements())];
      ((TFloat32) result.get(0)).copyTo(DataBuffers.of(copy, false, false));
      return copy;
    }
  }

  /** The value of a declared variable, to compute with. */
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
    try (Graph body = new Graph()) {
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
  public boolean isFloat32(String name) {
    return declared(name).dtype() == WeightDtype.FLOAT32;
  }

  /** The resource of a declared variable, to assign to. */
  public Operand<?> handle(Weight weight) {
    return graph.operation(declared(weight.name()).node()).output(0);
  }

  /** Declares a float32 variable with zeros in it. */
  public void declareZeros(Weight weight) {
    declare(List.of(weight));
    session.run(assignZeros(weight));
  }

  /** An operation that sets a float32 variable to zeros. */
  public Op assignZeros(Weight weight) {
    long[] sizes = weight.shape().stream().mapToLong(Long::longValue).toArray();
    return tf.assignVariableOp(handle(weight), tf.zeros(tf.constant(sizes), TFloat32.class));
  }

  /** Adds operations to the graph. */
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

  private Weight declared(String name) {
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
