package org.llmadapters.training.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.step.GradientGraph;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepShape;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Session;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** The estimate against what TensorFlow's operations allocate when the gradients are computed. */
final class MemoryEstimateTest {
  /**
   * Found: 0.97 to 1.08 of what was allocated; with blocks computed again, whose peak is small and
   * depends on which thread comes first, 0.80 to 1.11. An estimate without one of the rules (in
   * place, aliases, constants) is off by more: by 16 to 34 % of the cases here.
   */
  private static final double PERCENT = 12;

  private static final double PERCENT_COMPUTED_AGAIN = 25;

  private static final int VOCABULARY = 2000;

  private static final LoraConfig ATTENTION =
      new LoraConfig(8, 16, 0, TargetModules.of("q_proj", "v_proj"));

  /**
   * A case.
   *
   * @param name of it
   * @param format of the base
   * @param adapter what is trained, or null for all weights
   * @param again whether blocks are computed again
   * @param length of two rows
   */
  record Case(
      String name,
      String format,
      @org.jspecify.annotations.Nullable AdapterConfig adapter,
      boolean again,
      int length) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    LoraConfig all =
        new LoraConfig(
            8,
            16,
            0,
            TargetModules.of(
                "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"));
    BottleneckConfig series =
        new BottleneckConfig(
            64,
            Activation.TANH,
            0,
            OptionalDouble.of(1),
            new BottleneckVariant(BottleneckConfig.InitWeights.BERT, TrainedBias.NONE),
            BottleneckConfig.Placement.ADAPTER_H,
            TargetModules.of("gate_proj", "up_proj", "down_proj"));
    return Stream.of(
        new Case("LoRA, float32, 128", "float32", ATTENTION, false, 128),
        new Case("LoRA, float32, 384", "float32", ATTENTION, false, 384),
        new Case("LoRA, bfloat16, 128", "bfloat16", ATTENTION, false, 128),
        new Case("LoRA on all layers, float32", "float32", all, false, 128),
        new Case("LoRA, int8", "int8", ATTENTION, false, 256),
        new Case("LoRA, float32, computed again", "float32", ATTENTION, true, 256),
        new Case("LoRA, bfloat16, computed again", "bfloat16", ATTENTION, true, 256),
        new Case("series, bfloat16", "bfloat16", series, false, 256),
        new Case("all weights, float32", "float32", null, false, 128),
        new Case("all weights, bfloat16", "bfloat16", null, false, 128));
  }

  private static ModelConfig config() {
    return Architecture.LLAMA
        .family()
        .config(
            new Sizes(VOCABULARY, 256, 688, 4, 4096),
            new AttentionConfig(4, 4, 64),
            new TokenIds(OptionalInt.of(1), List.of(), OptionalInt.of(0)));
  }

  private static BaseGraph base(String name) {
    WeightFormat format = WeightFormat.of(name);
    BaseGraph plain = Architecture.build(config(), format.dtype());
    return format.quantization().map(by -> QuantizedGraph.of(plain, by)).orElse(plain);
  }

  private static MemoryPlan plan(Case measured, boolean xla) {
    BaseGraph base = base(measured.format());
    AdapterConfig adapter = measured.adapter();
    List<Weight> variables = new ArrayList<>();
    Computation computation;
    if (adapter == null) {
      base.weights()
          .forEach(
              weight ->
                  variables.add(new Weight(weight.name(), WeightDtype.FLOAT32, weight.shape())));
      computation = new Computation(base.graphDef(), variables, null);
    } else {
      AdaptedGraph adapted =
          Splicer.splice(base.graphDef(), adapter, "default", Splicer.Mode.TRAINING);
      variables.addAll(base.weights());
      variables.addAll(adapted.variables());
      computation = new Computation(adapted.graphDef(), adapted.variables(), null);
    }
    return new MemoryPlan(
        variables,
        computation,
        AdamW.defaults(),
        new Execution(1, xla, new StepMemory(measured.again(), StepMemory.LOGITS_AT_ONCE)),
        new StepShape(2, measured.length()),
        false);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isWhatTensorFlowAllocates(Case measured) {
    MemoryPlan plan = plan(measured, false);
    MemoryEstimate estimate = MemoryEstimate.of(plan);
    long allocated = allocated(plan);
    assertThat(estimate.gradients() + estimate.activations())
        .isCloseTo(
            allocated, withinPercentage(measured.again() ? PERCENT_COMPUTED_AGAIN : PERCENT));
  }

  /** Median of three runs: which of two threads comes first differs. */
  private static long allocated(MemoryPlan plan) {
    try (ModelSession session = new ModelSession(new SessionOptions(1));
        GradientGraph graph =
            GradientGraph.build(
                plan.computation(),
                name -> plan.computation().trained().stream().anyMatch(w -> w.name().equals(name)),
                plan.execution().memory(),
                plan.shape());
        GraphFunction function =
            GraphFunction.of("gradients", graph.inputs(), graph.outputs(), graph.graph())) {
      session.declare(plan.variables());
      session.assign(plan.variables(), MemoryEstimateTest::values);
      Ops tf = session.tf();
      List<Placeholder<TInt32>> tokens = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        tokens.add(tf.placeholder(TInt32.class));
      }
      List<Operand<?>> arguments = new ArrayList<>(tokens);
      graph.variables().forEach(weight -> arguments.add(session.<TFloating>read(weight)));
      List<Output<?>> results = function.call(tf, "call", arguments, false);
      List<Operand<TFloat32>> used = new ArrayList<>();
      for (Output<?> result : results) {
        // Only what is read is computed; as small as that, it does not count.
        used.add(tf.math.neg(first(tf, result)));
      }
      long[] peaks = new long[3];
      int[][] ids = new int[plan.shape().batch()][plan.shape().length()];
      Random random = new Random(1);
      Arrays.stream(ids).forEach(row -> Arrays.setAll(row, i -> random.nextInt(VOCABULARY)));
      int[][] ones = new int[ids.length][plan.shape().length()];
      Arrays.stream(ones).forEach(row -> Arrays.fill(row, 1));
      for (int i = 0; i < peaks.length; i++) {
        try (TInt32 idTensor = TInt32.tensorOf(StdArrays.ndCopyOf(ids));
            TInt32 mask = TInt32.tensorOf(StdArrays.ndCopyOf(ones))) {
          Session.Runner runner =
              session
                  .session()
                  .runner()
                  .feed(tokens.get(0), idTensor)
                  .feed(tokens.get(1), mask)
                  .feed(tokens.get(2), idTensor);
          used.forEach(operand -> runner.addTarget(operand.asOutput().op()));
          peaks[i] = AllocatedMemory.peak(session.session(), runner);
        }
      }
      Arrays.sort(peaks);
      return peaks[1];
    }
  }

  /** A number out of a tensor, which needs all of it and nothing more. */
  @SuppressWarnings("unchecked")
  private static Operand<TFloat32> first(Ops tf, Output<?> tensor) {
    return tf.nn.l2Loss((Operand<TFloat32>) tensor);
  }

  private static float[] values(Weight weight) {
    float[] values = new float[Math.toIntExact(weight.elements())];
    Arrays.fill(values, weight.dtype() == WeightDtype.UINT8 ? 7 : 0.01f);
    return values;
  }

  @Test
  void weightsCountAsTheyAreStored() {
    long elements = base("float32").weights().stream().mapToLong(Weight::elements).sum();
    MemoryEstimate float32 =
        MemoryEstimate.of(plan(new Case("", "float32", ATTENTION, false, 32), false));
    MemoryEstimate bfloat16 =
        MemoryEstimate.of(plan(new Case("", "bfloat16", ATTENTION, false, 32), false));
    MemoryEstimate nf4 = MemoryEstimate.of(plan(new Case("", "nf4", ATTENTION, false, 32), false));
    assertThat(float32.weights()).isEqualTo(4 * elements);
    assertThat(bfloat16.weights()).isEqualTo(2 * elements);
    assertThat(nf4.weights()).isLessThan(bfloat16.weights() / 2);
    // A and B of two modules of four layers: 8 (256 + 256) each, float32
    assertThat(float32.trained()).isEqualTo(4L * 2 * 4 * 8 * 512);
    assertThat(float32.optimizer()).isEqualTo(2 * float32.trained());
    assertThat(float32.gradients()).isEqualTo(float32.trained());
  }

  @Test
  void computingBlocksAgainTakesLess() {
    for (boolean xla : new boolean[] {false, true}) {
      long kept =
          MemoryEstimate.of(plan(new Case("", "bfloat16", ATTENTION, false, 256), xla))
              .activations();
      long again =
          MemoryEstimate.of(plan(new Case("", "bfloat16", ATTENTION, true, 256), xla))
              .activations();
      assertThat(again).isLessThan(kept / 2);
    }
  }

  @Test
  void gradientsOfSeveralMicroBatchesAreAddedUpInMemoryOfTheirOwn() {
    MemoryPlan plan = plan(new Case("", "bfloat16", ATTENTION, false, 32), false);
    MemoryPlan adding =
        new MemoryPlan(
            plan.variables(),
            plan.computation(),
            plan.optimizer(),
            plan.execution(),
            plan.shape(),
            true);
    MemoryEstimate estimate = MemoryEstimate.of(adding);
    assertThat(estimate.gradients()).isEqualTo(2 * estimate.trained());
    assertThat(estimate.activations()).isEqualTo(MemoryEstimate.of(plan).activations());
  }
}
