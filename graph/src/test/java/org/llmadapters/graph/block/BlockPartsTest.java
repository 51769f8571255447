package org.llmadapters.graph.block;

import static org.llmadapters.graph.block.Evaluation.assertClose;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.spec.Norm;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/** The parts of a block one by one against plain Java in float64, whole tensors. B=1, T=5. */
final class BlockPartsTest {
  /** Of the largest element: a few roundings of 6e-8, sums of at most 24 terms. */
  private static final double FLOAT32_TOLERANCE = 2e-6;

  private static final int T = 5;

  /** Neither sorted nor without gaps. */
  private static final int[] POSITIONS = {0, 3, 4, 11, 2};

  /** Not causal, so that mask and order cannot be confused. */
  private static final boolean[][] MASK = {
    {true, false, true, false, false},
    {true, true, true, true, true},
    {false, false, false, true, false},
    {false, true, true, false, true},
    {true, false, false, false, true},
  };

  private final Random random = new Random(7);

  static Stream<ModelConfig> configs() {
    return DecoderModelTest.configs();
  }

  @Test
  void rmsNormDividesByTheRootMeanSquareOfEachToken() {
    ModelConfig config = TinyDecoder.PLAIN;
    // A row of tiny values, where eps decides.
    double[][] x = values(T, TinyDecoder.H);
    Arrays.setAll(x[1], i -> x[1][i] * 1e-3);
    check(
        config,
        x,
        (graph, input) ->
            new Normalization(graph.module("norm"), Norm.RMS_NORM, TinyDecoder.H, config.normEps())
                .apply(input),
        reference -> reference.rmsNorms("norm", x));
  }

  @Test
  void mlpGatesTheUpProjection() {
    double[][] x = values(T, TinyDecoder.H);
    check(
        TinyDecoder.PLAIN,
        x,
        (graph, input) ->
            new Mlp(graph.module("mlp"), Architecture.LLAMA.spec(), TinyDecoder.PLAIN)
                .apply(input, graph.context.shapes()),
        reference -> reference.mlp("mlp", x));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void attentionMixesValuesByScoresWhereTheMaskIsTrue(ModelConfig config) {
    double[][] x = values(T, TinyDecoder.H);
    check(
        config,
        x,
        (graph, input) ->
            new SelfAttention(
                    graph.module("attention"),
                    Architecture.LLAMA.spec(),
                    config,
                    AttentionConfig.NO_WINDOW)
                .apply(input, graph.context, null),
        reference -> reference.attention("attention", x, POSITIONS, MASK));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void rotaryEmbeddingTurnsPairsOfElementsByTheirPosition(ModelConfig config) {
    int headDim = config.attention().headDim();
    double[][] x = values(T, headDim);
    check(
        config,
        x,
        (graph, input) ->
            graph.rotary.rotate(graph.tf, graph.tf.expandDims(input, graph.tf.constant(2))),
        reference -> {
          double[][] turned = new double[T][];
          Arrays.setAll(turned, t -> reference.rotate(x[t], POSITIONS[t]));
          return turned;
        });
  }

  /**
   * transformers, {@code _compute_dynamic_ntk_parameters}: with factor 2 and 5 tokens where the
   * model was made for 3, the base is {@code theta * (2 * 5 / 3 - 1)^(R / (R - 2))}.
   */
  @Test
  void dynamicScalingRaisesTheBaseForMoreTokensThanTheModelWasMadeFor() {
    ModelConfig plain = TinyDecoder.LLAMA3;
    double base = 10000 * Math.pow(2 * 5 / 3.0 - 1, 8 / 6.0);
    checkRotation(rope(plain, 10000, new RopeScaling.Dynamic(2, 3)), rope(plain, base, NONE));
    checkRotation(rope(plain, 10000, new RopeScaling.Dynamic(2, 5)), rope(plain, 10000, NONE));
  }

  private static final RopeScaling NONE = new RopeScaling.None();

  private static ModelConfig rope(ModelConfig config, double theta, RopeScaling scaling) {
    return new ModelConfig(
        config.modelType(),
        config.sizes(),
        config.attention(),
        Optional.of(new RopeConfig(theta, config.attention().headDim(), scaling)),
        config.activation(),
        config.biases(),
        config.residual(),
        config.normEps(),
        config.tieWordEmbeddings(),
        config.tokenIds());
  }

  private void checkRotation(ModelConfig config, ModelConfig reference) {
    double[][] x = values(T, config.attention().headDim());
    check(
        config,
        x,
        (graph, input) ->
            graph.rotary.rotate(graph.tf, graph.tf.expandDims(input, graph.tf.constant(2))),
        unused -> {
          double[][] turned = new double[T][];
          ReferenceDecoder expected = new ReferenceDecoder(reference, Map.of());
          Arrays.setAll(turned, t -> expected.rotate(x[t], POSITIONS[t]));
          return turned;
        });
  }

  private interface Part {
    Operand<TFloating> build(PartGraph graph, Operand<TFloating> input);
  }

  private interface Expected {
    double[][] of(ReferenceDecoder reference);
  }

  /** A graph for one part of the model, with everything that the part needs. */
  private static final class PartGraph {
    final Ops tf;
    final Variables variables;
    final RotaryEmbedding rotary;
    final TokenContext context;

    PartGraph(Graph graph, ModelConfig config) {
      tf = Ops.create(graph);
      variables = new Variables(tf.scope(), WeightDtype.FLOAT32);
      TokenShapes shapes = new TokenShapes(tf, placeholder("ids", TInt32.class));
      rotary =
          new RotaryEmbedding(
              tf,
              config.rope().orElseThrow(),
              false,
              config.attention().headDim(),
              placeholder("positions", TInt32.class),
              shapes.tokens(),
              WeightDtype.FLOAT32);
      Operand<TBool> mask = placeholder("mask", TBool.class);
      context = new TokenContext(shapes, rotary, null, window -> mask);
    }

    Module module(String name) {
      return new Module(tf, "", variables).child(name);
    }

    @SuppressWarnings("unchecked")
    <X extends TType, Y extends X> Operand<X> placeholder(String name, Class<Y> type) {
      return (Operand<X>) tf.withName(name).placeholder(type);
    }
  }

  private void check(ModelConfig config, double[][] x, Part part, Expected expected) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      PartGraph partGraph = new PartGraph(graph, config);
      Operand<TFloating> output =
          part.build(partGraph, partGraph.<TFloating, TFloat32>placeholder("x", TFloat32.class));
      Map<String, float[]> weights = new LinkedHashMap<>();
      for (Weight weight : partGraph.variables.weights()) {
        weights.put(weight.name(), floats(values(1, (int) weight.elements())));
      }
      boolean[][][][] mask = {{MASK}};
      float[] actual =
          new Evaluation(graph.toGraphDef(), weights)
              .feed("x", floats(x), 1, x.length, x[0].length)
              .feed("ids", TInt32.tensorOf(StdArrays.ndCopyOf(new int[1][T])))
              .feed("positions", TInt32.tensorOf(StdArrays.ndCopyOf(new int[][] {POSITIONS})))
              .feed("mask", TBool.tensorOf(StdArrays.ndCopyOf(mask)))
              .fetch(output.asOutput().op().name())
              .get(0);
      double[][] rows = expected.of(new ReferenceDecoder(config, weights));
      assertClose(
          actual, Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray(), FLOAT32_TOLERANCE);
    }
  }

  /** Values that float32 holds exactly. */
  private double[][] values(int rows, int columns) {
    double[][] values = new double[rows][columns];
    for (double[] row : values) {
      Arrays.setAll(row, i -> (float) random.nextGaussian());
    }
    return values;
  }

  private static float[] floats(double[][] rows) {
    List<Double> flat = Arrays.stream(rows).flatMapToDouble(Arrays::stream).boxed().toList();
    float[] values = new float[flat.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = flat.get(i).floatValue();
    }
    return values;
  }
}
