package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.Nf4;
import org.llmadapters.graph.quantize.Quantization;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.FullTrainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;
import org.tensorflow.Result;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** Base models whose blocks' weights are stored in 8 or 4 bits. */
final class QuantizedBaseTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  @TempDir static Path shared;

  private static Path checkpoint(Architecture family) throws IOException {
    Path checkpoint = shared.resolve("checkpoint-" + family);
    if (!Files.exists(checkpoint)) {
      TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), WeightDtype.BFLOAT16);
    }
    return checkpoint;
  }

  private static BaseModel base(Architecture family, WeightFormat format) throws IOException {
    Path base = shared.resolve("base-" + family + "-" + format.describe());
    if (!Files.exists(base)) {
      Converter.convert(checkpoint(family), base, format, false);
    }
    return BaseModel.open(base);
  }

  /** The weights that {@code base} computes with, by their names. */
  private static Map<String, float[]> dequantized(BaseModel base) {
    Map<String, float[]> values = new HashMap<>();
    BaseGraph graph = base.graph();
    try (ModelSession session = new ModelSession(SessionOptions.oneReplica())) {
      session.declare(graph.weights());
      session.restore(base.variables(), graph.weights());
      QuantizedGraph.dequantized(graph.graphDef())
          .forEach(
              (node, weight) -> {
                if (values.containsKey(weight.name())) {
                  return; // the decode graph has it again
                }
                var value =
                    session
                        .tf()
                        .dtypes
                        .cast(
                            session.<TFloating>compute(
                                graph.graphDef(), node, "value/" + weight.node()),
                            TFloat32.class);
                try (Result result = session.session().runner().fetch(value).run()) {
                  float[] copy = new float[(int) weight.elements()];
                  ((TFloat32) result.get(0)).copyTo(DataBuffers.of(copy, false, false));
                  values.put(weight.name(), copy);
                }
              });
    }
    return values;
  }

  /** A plain bfloat16 base of the weights that {@code base} computes with. */
  private static BaseModel unpacked(BaseModel base, String name) throws IOException {
    Path checkpoint = shared.resolve("unpacked-checkpoint-" + name);
    Files.createDirectories(checkpoint);
    Json.write(
        checkpoint.resolve(HfConfig.FILE), HfConfig.toJson(base.config(), WeightDtype.BFLOAT16));
    Map<String, float[]> values = dequantized(base);
    List<Weight> weights = QuantizedGraph.weights(base.graph());
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    weights.forEach(
        weight ->
            entries.add(
                new SafetensorsWriter.Entry(weight.name(), weight.dtype(), weight.shape())));
    try (SafetensorsFile original =
            SafetensorsFile.open(
                checkpoint(Architecture.of(base.config().modelType()))
                    .resolve("model.safetensors"));
        SafetensorsWriter writer =
            SafetensorsWriter.create(
                checkpoint.resolve("model.safetensors"), entries, SafetensorsWriter.METADATA)) {
      for (Weight weight : weights) {
        float[] value = values.get(weight.name());
        writer.write(weight.name(), value == null ? original.readFloats(weight.name()) : value);
      }
      writer.commit();
    }
    Path directory = shared.resolve("unpacked-" + name);
    Converter.convert(checkpoint, directory, WeightDtype.BFLOAT16, false);
    return BaseModel.open(directory);
  }

  private static LoraConfig lora(boolean dora, LoraInit init) {
    return new LoraConfig(
        3,
        6,
        false,
        0,
        TargetModules.of("q_proj", "down_proj"),
        LoraPatterns.NONE,
        new LoraVariant(dora, init, TrainedBias.NONE, List.of()));
  }

  /** Losses of four updates. */
  private static List<Double> losses(BaseModel base, boolean dora, StepMemory memory, boolean xla)
      throws IOException {
    List<Double> losses = new ArrayList<>();
    try (AdapterTrainee trainee =
            AdapterTrainee.open(
                base, lora(dora, LoraInit.DEFAULT), null, 5, SessionOptions.oneReplica());
        TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      TrainingStep step =
          new TrainingStep(
              trainee.session(),
              trainee.training(),
              OptimizerConfig.defaults(),
              new Execution(1, xla, memory));
      for (int i = 1; i <= 4; i++) {
        losses.add(step.step(batch, new UpdateRate(i, 1e-2)).loss());
      }
    }
    return losses;
  }

  private static void assertClose(List<Double> found, List<Double> expected, double tolerance) {
    for (int i = 0; i < expected.size(); i++) {
      assertThat(found.get(i)).as("loss %d", i).isCloseTo(expected.get(i), within(tolerance));
    }
  }

  /** With an odd number of weights in a row, and weights stored [in, out]. */
  @ParameterizedTest
  @CsvSource({"LLAMA, INT8", "LLAMA, NF4", "GPT_2, NF4", "GPT_2, INT8"})
  void computesAsWithTheWeightsThatItsCodesStandFor(Architecture family, Quantization quantization)
      throws IOException {
    BaseModel base = base(family, WeightFormat.of(quantization));
    BaseModel unpacked = unpacked(base, family + "-" + quantization);
    assertThat(Forward.logits(base, IDS, MASK)).isEqualTo(Forward.logits(unpacked, IDS, MASK));
  }

  /** Half a step, and a rounding to bfloat16; a row is an input where weights are [in, out]. */
  @ParameterizedTest
  @EnumSource(
      value = Architecture.class,
      names = {"LLAMA", "GPT_2"})
  void int8IsOffByHalfAStepOfItsRow(Architecture family) throws IOException {
    BaseModel base = base(family, WeightFormat.of(Quantization.INT8));
    forEachQuantized(
        base,
        (weight, found, original) -> {
          int columns = weight.shape().get(1).intValue();
          for (int from = 0; from < original.length; from += columns) {
            float largest = largest(original, from, from + columns);
            for (int i = from; i < from + columns; i++) {
              assertThat(Math.abs(found[i] - original[i]))
                  .as("%s, element %d", weight.name(), i)
                  .isLessThanOrEqualTo(largest * (1 / 254f + 0x1p-8f));
            }
          }
        });
  }

  /**
   * Half the widest gap between two levels, the error of the block's magnitude, which is half a
   * step of 1/127 of the magnitudes' range, and a rounding to bfloat16.
   */
  @Test
  void nf4IsOffByHalfAGapOfItsBlock() throws IOException {
    float gap = 0;
    for (int code = 1; code < 16; code++) {
      gap = Math.max(gap, (Nf4.level(code) - Nf4.level(code - 1)) / 2);
    }
    assertThat(gap).isCloseTo(0.1519f, within(1e-4f));
    float halfGap = gap;
    BaseModel base = base(Architecture.LLAMA, WeightFormat.of(Quantization.NF4));
    forEachQuantized(
        base,
        (weight, found, original) -> {
          List<Float> magnitudes = new ArrayList<>();
          for (int from = 0; from < original.length; from += Nf4.BLOCK) {
            magnitudes.add(largest(original, from, Math.min(original.length, from + Nf4.BLOCK)));
          }
          double mean = magnitudes.stream().mapToDouble(Float::doubleValue).average().orElseThrow();
          double range =
              magnitudes.stream()
                  .mapToDouble(magnitude -> Math.abs(magnitude - mean))
                  .max()
                  .orElseThrow();
          for (int i = 0; i < original.length; i++) {
            double magnitude = magnitudes.get(i / Nf4.BLOCK);
            assertThat((double) Math.abs(found[i] - original[i]))
                .as("%s, element %d", weight.name(), i)
                .isLessThanOrEqualTo(magnitude * (halfGap + 0x1p-8) + range / 254 + 1e-7);
          }
        });
  }

  /** What is done with a weight: what its codes stand for, and what it was. */
  private interface Comparison {
    void compare(Weight weight, float[] found, float[] original);
  }

  private static void forEachQuantized(BaseModel base, Comparison comparison) throws IOException {
    Map<String, float[]> values = dequantized(base);
    Architecture family = Architecture.of(base.config().modelType());
    int quantized = 0;
    try (SafetensorsFile file =
        SafetensorsFile.open(checkpoint(family).resolve("model.safetensors"))) {
      for (Weight weight : QuantizedGraph.weights(base.graph())) {
        float[] found = values.get(weight.name());
        if (found != null) {
          quantized++;
          comparison.compare(weight, found, file.readFloats(weight.name()));
        }
      }
    }
    // All linear layers of both blocks, and nothing else.
    assertThat(quantized).isEqualTo(2 * (family == Architecture.GPT_2 ? 4 : 7));
  }

  private static float largest(float[] values, int from, int to) {
    float largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  /**
   * The backward pass makes the weights again, alone or with its block: it is the same training.
   */
  @ParameterizedTest
  @EnumSource(Quantization.class)
  void trainsAsOnTheWeightsThatItsCodesStandFor(Quantization quantization) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightFormat.of(quantization));
    BaseModel unpacked = unpacked(base, "trained-" + quantization);
    boolean dora = quantization == Quantization.NF4;
    List<Double> expected = losses(unpacked, dora, StepMemory.defaults(), false);
    assertThat(expected.get(3)).isLessThan(expected.get(0));
    assertThat(losses(base, dora, StepMemory.defaults(), false)).isEqualTo(expected);
    // In bfloat16 a step differs where an activation is fused or compiled.
    StepMemory recomputed = new StepMemory(true, StepMemory.LOGITS_AT_ONCE);
    assertClose(losses(base, dora, recomputed, false), expected, 0.02);
    assertClose(losses(base, dora, recomputed, true), expected, 0.02);
    assertClose(losses(base, dora, StepMemory.defaults(), true), expected, 0.02);
  }

  @Test
  void tellsItsFormatAndCountsItsParameters() throws IOException {
    BaseModel plain = base(Architecture.LLAMA, WeightFormat.of(WeightDtype.BFLOAT16));
    for (Quantization quantization : Quantization.values()) {
      BaseModel base = base(Architecture.LLAMA, WeightFormat.of(quantization));
      assertThat(base.format())
          .isEqualTo(new WeightFormat(WeightDtype.BFLOAT16, Optional.of(quantization)));
      assertThat(base.parameters()).isEqualTo(plain.parameters());
      assertThat(QuantizedGraph.weights(base.graph())).isEqualTo(plain.graph().weights());
    }
    assertThat(plain.format().quantization()).isEmpty();
  }

  @Test
  void refusesWhatChangesWeights() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightFormat.of(Quantization.NF4));
    assertThatThrownBy(() -> FullTrainee.of(base, SessionOptions.oneReplica()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            base.directory()
                + ": its weights are stored as nf4, and --adapter full trains weights; convert the"
                + " checkpoint with --dtype bfloat16");
    LoraConfig pissa = lora(false, LoraInit.of(LoraInit.Scheme.PISSA));
    assertThatThrownBy(() -> AdapterTrainee.open(base, pissa, null, 5, SessionOptions.oneReplica()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "model.layers.0.self_attn.q_proj: pissa changes the weight, which is quantized");
  }
}
