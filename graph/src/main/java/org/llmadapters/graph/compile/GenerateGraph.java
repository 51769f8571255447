package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.block.Signature;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.types.TInt32;

/**
 * A graph that generates by itself, for whoever loads it with plain TensorFlow.
 *
 * @param graphDef the model's graph with the nodes {@code generate/...} and their functions added
 * @param signature {@code generate}: {@code input_ids}, {@code attention_mask} int32 [B, T] of
 *     prompts padded on the left, {@code max_new_tokens} int32 [] -> {@code output_ids} int32 [B, T
 *     + max_new_tokens]: the prompt and what follows it greedily, {@code pad_token_id} after the
 *     end token of a row; {@code output_lengths} int32 [B]: tokens that follow the prompt, the end
 *     token included
 */
public record GenerateGraph(GraphDef graphDef, SignatureDef signature) {
  private static final String SCOPE = "generate";

  /**
   * Adds generation to {@code flat}. A row ends with any of the {@code eos_token_id} of {@code
   * config}, or never where there is none.
   *
   * @param flat a base graph, or one with an adapter in it; its variables are shared
   * @param dtype of the base's weights
   */
  public static GenerateGraph addTo(GraphDef flat, ModelConfig config, WeightDtype dtype) {
    try (Graph graph = TensorFlowRuntime.newGraph();
        DecodeStep step =
            DecodeStep.of(flat, config.sizes().numHiddenLayers(), SamplingConfig.GREEDY)) {
      graph.importGraphDef(flat);
      Ops tf = Ops.create(graph).withSubScope(SCOPE);
      Operand<TInt32> inputIds = placeholder(tf, "input_ids", -1, -1);
      Operand<TInt32> attentionMask = placeholder(tf, "attention_mask", -1, -1);
      Operand<TInt32> maxNewTokens = placeholder(tf, "max_new_tokens");
      Operand<TInt32> padId = tf.constant(config.tokenIds().padding());
      List<Operand<?>> arguments =
          new ArrayList<>(
              step.start(tf, config, dtype, inputIds, attentionMask, maxNewTokens, padId));
      arguments.add(maxNewTokens);
      arguments.add(
          tf.constant(config.tokenIds().eos().stream().mapToInt(Integer::intValue).toArray()));
      arguments.add(padId);
      for (Weight variable : step.variables()) {
        arguments.add(graph.operation(VariableNodes.readName(variable)).output(0));
      }
      List<Output<?>> first = step.once(tf, SCOPE + "/prompt", arguments, false);
      List<Output<?>> last = step.loop(tf, SCOPE + "/loop", first, true);

      Operand<TInt32> tokens = int32(last.get(step.stateSize() - 1));
      Operand<TInt32> outputIds =
          tf.withName("output_ids").concat(List.of(inputIds, tokens), tf.constant(1));
      Operand<TInt32> outputLengths =
          tf.withName("output_lengths")
              .math
              .minimum(int32(last.get(step.stateSize() - 2)), maxNewTokens);
      SignatureDef signature =
          new Signature()
              .input("input_ids", inputIds)
              .input("attention_mask", attentionMask)
              .input("max_new_tokens", maxNewTokens)
              .output("output_ids", outputIds)
              .output("output_lengths", outputLengths)
              .build();
      return new GenerateGraph(graph.toGraphDef(), signature);
    }
  }

  @SuppressWarnings("unchecked")
  private static Operand<TInt32> int32(Output<?> output) {
    return (Operand<TInt32>) output;
  }

  private static Operand<TInt32> placeholder(Ops tf, String name, long... shape) {
    return tf.withName(name).placeholder(TInt32.class, Placeholder.shape(Shape.of(shape)));
  }
}
