package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * A random model in a session, and the slow way to generate with it: the full graph over one
 * unpadded row, again for every token.
 */
final class TinyModel implements AutoCloseable {
  static final int PAD = 0;

  final ModelConfig config;
  final BaseGraph base;
  final ModelSession session;
  private final Operand<?> logits;

  /** 4 query heads and {@code keyValueHeads} key/value heads. */
  TinyModel(int keyValueHeads, List<Integer> eos) {
    this.config =
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(37, 24, 20, 3, 64),
                new AttentionConfig(4, keyValueHeads, 6),
                new TokenIds(OptionalInt.of(1), eos, OptionalInt.of(PAD)));
    this.base = Architecture.build(config, WeightDtype.FLOAT32);
    this.session = new ModelSession(SessionOptions.oneReplica());
    session.declare(base.weights());
    session.assign(values());
    this.logits = addFullGraph();
  }

  /** The values that the session starts with, by name; the same for equal configurations. */
  Map<String, float[]> values() {
    Random random = new Random(7);
    Map<String, float[]> values = new java.util.LinkedHashMap<>();
    for (Weight weight : base.weights()) {
      float[] value = new float[(int) weight.elements()];
      for (int i = 0; i < value.length; i++) {
        value[i] = (weight.shape().size() == 1 ? 1 : 0) + 0.4f * (float) random.nextGaussian();
      }
      values.put(weight.name(), value);
    }
    return values;
  }

  private Operand<?> addFullGraph() {
    VariablesAsInputs full =
        VariablesAsInputs.of(
            GraphPruner.keep(base.graphDef(), List.of("input_ids", "attention_mask", "logits")));
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(full.body());
      List<Operand<?>> inputs = new ArrayList<>();
      List<Operand<?>> arguments = new ArrayList<>();
      for (String name : List.of("input_ids", "attention_mask")) {
        inputs.add(graph.operation(name).output(0));
        arguments.add(session.tf().withName("full_" + name).placeholder(TInt32.class));
      }
      for (Weight variable : full.variables()) {
        inputs.add(graph.operation(full.input(variable)).output(0));
        arguments.add(session.read(variable));
      }
      try (GraphFunction function =
          GraphFunction.of("full", inputs, List.of(graph.operation("logits").output(0)), graph)) {
        return function.call(session.tf(), "full", arguments, false).get(0);
      }
    }
  }

  /** Logits [V] of the token after {@code ids}. */
  float[] nextLogits(int[] ids) {
    int[] mask = new int[ids.length];
    Arrays.fill(mask, 1);
    try (TInt32 idsTensor = TInt32.tensorOf(StdArrays.ndCopyOf(new int[][] {ids}));
        TInt32 maskTensor = TInt32.tensorOf(StdArrays.ndCopyOf(new int[][] {mask}));
        Result result =
            session
                .session()
                .runner()
                .feed("full_input_ids", idsTensor)
                .feed("full_attention_mask", maskTensor)
                .fetch(logits)
                .run()) {
      return StdArrays.array3dCopyOf((TFloat32) result.get(0))[0][ids.length - 1];
    }
  }

  /** Up to {@code count} tokens, the last one of {@code eos} if it comes. */
  List<Integer> generate(int[] prompt, int count) {
    List<Integer> tokens = new ArrayList<>();
    int[] ids = prompt;
    while (tokens.size() < count) {
      int best = argMax(nextLogits(ids));
      tokens.add(best);
      if (config.tokenIds().eos().contains(best)) {
        break;
      }
      ids = Arrays.copyOf(ids, ids.length + 1);
      ids[ids.length - 1] = best;
    }
    return tokens;
  }

  static int argMax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }

  /** Prompts under each other, padded on the left. */
  static int[][] padded(List<int[]> prompts, int columns) {
    int[][] ids = new int[prompts.size()][columns];
    for (int row = 0; row < ids.length; row++) {
      int[] prompt = prompts.get(row);
      Arrays.fill(ids[row], PAD);
      System.arraycopy(prompt, 0, ids[row], columns - prompt.length, prompt.length);
    }
    return ids;
  }

  /** 1 where {@link #padded} has a token of a prompt. */
  static int[][] mask(List<int[]> prompts, int columns) {
    int[][] mask = new int[prompts.size()][columns];
    for (int row = 0; row < mask.length; row++) {
      Arrays.fill(mask[row], columns - prompts.get(row).length, columns, 1);
    }
    return mask;
  }

  @Override
  public void close() {
    session.close();
  }
}
