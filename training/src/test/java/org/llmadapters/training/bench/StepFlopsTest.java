package org.llmadapters.training.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.training.step.GradientGraph;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepShape;
import org.tensorflow.GraphOperation;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** The formula against the products that are in the graph. */
final class StepFlopsTest {
  private static final Set<String> BATCHED = Set.of("BatchMatMulV2", "BatchMatMulV3");
  private static final int HIDDEN = 32;
  private static final int RANK = 3;
  private static final StepShape SHAPE = new StepShape(2, 24);

  private final ModelConfig config =
      Architecture.LLAMA
          .family()
          .config(
              new Sizes(50, HIDDEN, 88, 3, 64),
              new AttentionConfig(4, 4, 8),
              new TokenIds(OptionalInt.of(1), List.of(), OptionalInt.of(0)));

  private final BaseGraph base = Architecture.build(config, WeightDtype.FLOAT32);

  private AdaptedGraph adapted(String... targets) {
    return Splicer.splice(
        base.graphDef(),
        new LoraConfig(RANK, 6, 0, TargetModules.of(targets)),
        "default",
        Splicer.Mode.TRAINING);
  }

  private long counted(AdaptedGraph adapted, StepMemory memory) {
    Computation computation = new Computation(adapted.graphDef(), adapted.variables(), null);
    try (GradientGraph graph = GradientGraph.build(computation, name -> true, memory, SHAPE)) {
      GraphDef needed =
          GraphPruner.keep(
              graph.graph().toGraphDef(),
              graph.outputs().stream().map(output -> output.op().name()).toList());
      long flops = 0;
      for (NodeDef node : needed.getNodeList()) {
        GraphOperation operation = graph.graph().operation(node.getName());
        if (node.getOp().equals("MatMul") || BATCHED.contains(node.getOp())) {
          flops += 2 * size(operation) * inner(graph, node);
        }
      }
      return flops;
    }
  }

  private static long size(GraphOperation operation) {
    return operation.output(0).shape().size();
  }

  /** The length of the sums. */
  private static long inner(GradientGraph graph, NodeDef node) {
    String input = node.getInput(0);
    int colon = input.indexOf(':');
    Shape shape =
        colon < 0
            ? graph.graph().operation(input).output(0).shape()
            : graph
                .graph()
                .operation(input.substring(0, colon))
                .output(Integer.parseInt(input.substring(colon + 1)))
                .shape();
    boolean transposed =
        node.getAttrOrDefault(
                BATCHED.contains(node.getOp()) ? "adj_x" : "transpose_a",
                org.tensorflow.proto.AttrValue.getDefaultInstance())
            .getB();
    return shape.get(shape.numDimensions() - (transposed ? 2 : 1));
  }

  private long formula(AdaptedGraph adapted) {
    return StepFlops.of(config, base.weights(), adapted.parameters(), SHAPE);
  }

  /** The formula lets gradients pass the first block, too; that is known exactly. */
  @Test
  void isWhatTheGraphMultiplies() {
    AdaptedGraph adapted = adapted("q_proj", "v_proj");
    long tokens = (long) SHAPE.batch() * SHAPE.length();
    long byTheInput = 2L * 3 * HIDDEN * HIDDEN + 2L * 2 * RANK * HIDDEN;
    long byTheKeys = 2L * SHAPE.length() * HIDDEN;
    assertThat(counted(adapted, StepMemory.defaults()))
        .isEqualTo(formula(adapted) - tokens * (byTheInput + byTheKeys));
  }

  @Test
  void isWhatTheGraphMultipliesForMoreModules() {
    AdaptedGraph adapted = adapted("q_proj", "k_proj", "v_proj", "up_proj", "down_proj");
    long tokens = (long) SHAPE.batch() * SHAPE.length();
    long byTheInput = 2L * 3 * HIDDEN * HIDDEN + 2L * 3 * RANK * HIDDEN;
    assertThat(counted(adapted, StepMemory.defaults()))
        .isEqualTo(formula(adapted) - tokens * byTheInput);
  }

  @Test
  void whatIsComputedAgainDoesNotCount() {
    AdaptedGraph adapted = adapted("q_proj", "v_proj");
    assertThat(counted(adapted, new StepMemory(true, StepMemory.LOGITS_AT_ONCE)))
        .isGreaterThan(formula(adapted));
  }
}
