package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/** The logits of whole sequences, by the full graph of a model in a session. */
public final class LogitsFunction {
  private final ModelSession model;
  private final Placeholder<TInt32> inputIds;
  private final Placeholder<TInt32> attentionMask;
  private final Output<?> logits;

  /**
   * Adds {@code flat} to the graph of {@code model}.
   *
   * @param model has all variables of {@code flat}
   * @param flat a base graph, or one with an adapter in it
   * @param name of its nodes, not used so far
   */
  public LogitsFunction(ModelSession model, GraphDef flat, String name) {
    this.model = model;
    VariablesAsInputs full = VariablesAsInputs.of(GraphPruner.keep(flat, List.of("logits")));
    Ops tf = model.tf();
    Shape tokens = Shape.of(-1, -1);
    inputIds =
        tf.withName(name + "_input_ids").placeholder(TInt32.class, Placeholder.shape(tokens));
    attentionMask =
        tf.withName(name + "_attention_mask").placeholder(TInt32.class, Placeholder.shape(tokens));
    List<Operand<?>> arguments = new ArrayList<>(List.of(inputIds, attentionMask));
    full.variables().forEach(variable -> arguments.add(model.read(variable)));
    try (Graph body = TensorFlowRuntime.newGraph()) {
      body.importGraphDef(full.body());
      List<Operand<?>> inputs = new ArrayList<>();
      inputs.add(body.operation("input_ids").output(0));
      inputs.add(body.operation("attention_mask").output(0));
      full.variables()
          .forEach(variable -> inputs.add(body.operation(full.input(variable)).output(0)));
      try (GraphFunction function =
          GraphFunction.of(name, inputs, List.of(body.operation("logits").output(0)), body)) {
        logits = function.call(tf, name + "_logits", arguments, false).get(0);
      }
    }
  }

  /**
   * The logits.
   *
   * @param ids [B][T]
   * @param mask [B][T], 1 at real tokens
   * @return [B][T][V]; rows of padding have no meaning
   */
  public float[][][] of(int[][] ids, int[][] mask) {
    try (TInt32 idTensor = TInt32.tensorOf(StdArrays.ndCopyOf(ids));
        TInt32 maskTensor = TInt32.tensorOf(StdArrays.ndCopyOf(mask));
        Result result =
            model
                .session()
                .runner()
                .feed(inputIds, idTensor)
                .feed(attentionMask, maskTensor)
                .fetch(logits)
                .run()) {
      return StdArrays.array3dCopyOf((TFloat32) result.get(0));
    }
  }
}
