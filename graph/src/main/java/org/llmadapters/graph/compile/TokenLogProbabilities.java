package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
import org.tensorflow.op.core.Gather;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The log-probabilities of chosen tokens, each given all tokens before it, by the full graph of a
 * model in a session:
 *
 * <pre>
 *   input_ids, attention_mask int32 [B, T], columns int32 [B, L]
 *     -> log softmax(logits[b, columns[b, l] - 1])[input_ids[b, columns[b, l]]] float32 [B, L]
 * </pre>
 *
 * Logits are computed for the chosen columns alone, float32 [B, L, V], unless an adapter sits on
 * the output layer or has virtual tokens: then for all, float32 [B, T, V]. They stay in native
 * memory. May be used by several threads at once.
 */
public final class TokenLogProbabilities {
  private final ModelSession model;
  private final Placeholder<TInt32> inputIds;
  private final Placeholder<TInt32> attentionMask;
  private final Placeholder<TInt32> columns;
  private final Output<?> logProbabilities;

  /**
   * Adds {@code flat} to the graph of {@code model}.
   *
   * @param model has all variables of {@code flat}
   * @param flat a base graph, or one with an adapter in it
   * @param name of its nodes, not used so far
   * @param xla whether XLA compiles, a program for every shape of batch
   */
  public TokenLogProbabilities(ModelSession model, GraphDef flat, String name, boolean xla) {
    this.model = model;
    GraphDef whole = GraphPruner.keep(flat, List.of("input_ids", "attention_mask", "logits"));
    Optional<OutputHead> head = OutputHead.of(whole);
    List<String> kept = new ArrayList<>(List.of("input_ids", "attention_mask"));
    kept.addAll(head.map(OutputHead::nodes).orElse(List.of("logits")));
    VariablesAsInputs full = VariablesAsInputs.of(GraphPruner.keep(whole, kept));
    Ops tf = model.tf();
    inputIds = placeholder(tf, name + "_input_ids");
    attentionMask = placeholder(tf, name + "_attention_mask");
    columns = placeholder(tf, name + "_columns");
    List<Operand<?>> arguments = new ArrayList<>(List.of(inputIds, attentionMask, columns));
    full.variables().forEach(variable -> arguments.add(model.read(variable)));
    try (Graph body = TensorFlowRuntime.newGraph()) {
      body.importGraphDef(full.body());
      Ops tfBody = Ops.create(body);
      Operand<TInt32> ids = body.operation("input_ids").output(0);
      Operand<TInt32> chosen = placeholder(tfBody, "columns");
      List<Operand<?>> inputs = new ArrayList<>();
      inputs.add(ids);
      inputs.add(body.operation("attention_mask").output(0));
      inputs.add(chosen);
      full.variables()
          .forEach(variable -> inputs.add(body.operation(full.input(variable)).output(0)));
      Operand<TInt32> before = tfBody.math.sub(chosen, tfBody.constant(1));
      Operand<TFloat32> logits =
          head.isPresent()
              ? head.get().logits(body, tfBody, before)
              : tfBody.gather(
                  body.operation("logits").<TFloat32>output(0),
                  before,
                  tfBody.constant(1),
                  Gather.batchDims(1L));
      Operand<TFloat32> result = logProbabilities(tfBody, logits, ids, chosen);
      try (GraphFunction function = GraphFunction.of(name, inputs, List.of(result), body)) {
        logProbabilities = function.call(tf, name + "_log_probabilities", arguments, xla).get(0);
      }
    }
  }

  private static Placeholder<TInt32> placeholder(Ops tf, String name) {
    return tf.withName(name).placeholder(TInt32.class, Placeholder.shape(Shape.of(-1, -1)));
  }

  /**
   * @param logits float32 [B, L, V], those that predict the chosen tokens
   * @param ids int32 [B, T]
   * @param columns int32 [B, L]
   * @return float32 [B, L]
   */
  private static Operand<TFloat32> logProbabilities(
      Ops tf, Operand<TFloat32> logits, Operand<TInt32> ids, Operand<TInt32> columns) {
    Operand<TInt32> tokens = tf.gather(ids, columns, tf.constant(1), Gather.batchDims(1L));
    return tf.gather(tf.nn.logSoftmax(logits), tokens, tf.constant(2), Gather.batchDims(2L));
  }

  /**
   * The log-probabilities.
   *
   * @param ids [B][T]
   * @param mask [B][T], 1 at real tokens
   * @param chosen [B][L], the column of each token asked for, at least 1; a token may be named more
   *     than once
   * @return [B][L], natural logarithms; those of padding have no meaning
   */
  public float[][] of(int[][] ids, int[][] mask, int[][] chosen) {
    try (TInt32 idTensor = TInt32.tensorOf(StdArrays.ndCopyOf(ids));
        TInt32 maskTensor = TInt32.tensorOf(StdArrays.ndCopyOf(mask));
        TInt32 columnTensor = TInt32.tensorOf(StdArrays.ndCopyOf(chosen));
        Result result =
            model
                .session()
                .runner()
                .feed(inputIds, idTensor)
                .feed(attentionMask, maskTensor)
                .feed(columns, columnTensor)
                .fetch(logProbabilities)
                .run()) {
      return StdArrays.array2dCopyOf((TFloat32) result.get(0));
    }
  }
}
