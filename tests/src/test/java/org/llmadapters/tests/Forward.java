package org.llmadapters.tests;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** One tensor of a full graph, computed from the variables of a session. */
final class Forward {
  private final ModelSession session;
  private final GraphDef graphDef;
  private int calls;

  Forward(ModelSession session, GraphDef graphDef) {
    this.session = session;
    this.graphDef = graphDef;
  }

  /** Logits [B, T, V] of a model without an adapter, row-major. */
  static float[] logits(BaseModel base, int[][] inputIds, int[][] attentionMask) {
    try (ModelSession session = new ModelSession(SessionOptions.oneReplica())) {
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      return new Forward(session, base.graph().graphDef()).logits(inputIds, attentionMask, false);
    }
  }

  /** Logits [B, T, V], row-major. */
  float[] logits(int[][] inputIds, int[][] attentionMask, boolean xla) {
    return tensor("logits", inputIds, attentionMask, xla);
  }

  /** The floating-point tensor that {@code node} gives, row-major. */
  float[] tensor(String node, int[][] inputIds, int[][] attentionMask, boolean xla) {
    List<String> tokens = List.of("input_ids", "attention_mask");
    List<String> kept = new ArrayList<>(tokens);
    kept.add(node);
    VariablesAsInputs body =
        VariablesAsInputs.of(GraphPruner.keep(graphDef, kept))
            .withFloat32Masters(session::isFloat32);
    String name = "forward_" + System.identityHashCode(this) + "_" + calls++;
    Ops tf = session.tf();
    List<Operand<?>> inputs = new ArrayList<>();
    List<Operand<?>> arguments = new ArrayList<>();
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(body.body());
      for (String token : tokens) {
        inputs.add(graph.operation(token).output(0));
        arguments.add(tf.withName(name + "_" + token).placeholder(TInt32.class));
      }
      for (Weight variable : body.variables()) {
        inputs.add(graph.operation(body.input(variable)).output(0));
        arguments.add(session.read(variable));
      }
      Operand<TFloating> result = graph.operation(node).output(0);
      Operand<?> wide = TensorTypes.cast(Ops.create(graph), result, WeightDtype.FLOAT32);
      try (GraphFunction function = GraphFunction.of("forward", inputs, List.of(wide), graph)) {
        Output<?> output = function.call(tf, name, arguments, xla).get(0);
        try (TInt32 ids = TInt32.tensorOf(StdArrays.ndCopyOf(inputIds));
            TInt32 mask = TInt32.tensorOf(StdArrays.ndCopyOf(attentionMask));
            Result run =
                session
                    .session()
                    .runner()
                    .feed(name + "_input_ids", ids)
                    .feed(name + "_attention_mask", mask)
                    .fetch(output)
                    .run()) {
          return floats((TFloat32) run.get(0));
        }
      }
    }
  }

  /** The values of variables of any dtype, read at once. */
  static Map<Weight, float[]> values(ModelSession session, List<Weight> weights) {
    Session.Runner runner = session.session().runner();
    for (Weight weight : weights) {
      Operand<TFloating> value = session.read(weight);
      runner.fetch(TensorTypes.cast(session.tf(), value, WeightDtype.FLOAT32));
    }
    Map<Weight, float[]> values = new LinkedHashMap<>();
    try (Result run = runner.run()) {
      for (int i = 0; i < weights.size(); i++) {
        values.put(weights.get(i), floats((TFloat32) run.get(i)));
      }
    }
    return values;
  }

  private static float[] floats(TFloat32 tensor) {
    float[] copy = new float[Math.toIntExact(tensor.size())];
    tensor.copyTo(DataBuffers.of(copy, false, false));
    return copy;
  }
}
