package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.GenerationConfig;
import org.llmadapters.eval.Generator;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.step.LossFunction;

/** LLM-Adapters' LoRA on the first and last third of a fused layer, against what it computes. */
final class FusedLoraTest {
  private static final String ADAPTER = "bloom/fused-lora";

  @TempDir Path directory;

  private static AdapterTrainee open(BaseModel base, Path adapter) throws IOException {
    try (PeftAdapter peft = PeftAdapter.read(adapter)) {
      return AdapterTrainee.open(base, peft.config(), peft, 0, SessionOptions.oneReplica());
    }
  }

  @Test
  void hasTheGoldenLogitsAndLossesAndKeepsThemAsPlainLora() throws IOException {
    BaseModel base = Parity.base(directory, "bloom/base", WeightDtype.FLOAT32);
    Path plain = directory.resolve("plain");
    try (Golden golden = Golden.open(ADAPTER)) {
      try (AdapterTrainee trainee = open(base, Golden.path(ADAPTER))) {
        Parity.checkLogits(trainee, golden, Parity.ACTIVATIONS);
        LossFunction losses = Parity.lossFunction(trainee, Parity.PLAIN);
        Parity.checkLoss(losses, golden, "right.loss", golden.batch("right"));
        Parity.checkLoss(losses, golden, "left.loss", golden.batch("left"));
        trainee.save(plain);
      }
      try (AdapterTrainee trainee = open(base, plain);
          PeftAdapter written = PeftAdapter.read(plain)) {
        Parity.checkLogits(trainee, golden, Parity.ACTIVATIONS);
        String b = "transformer.h.0.self_attention.query_key_value.lora_B.weight";
        assertThat(Objects.requireNonNull(written.tensors().get(b)).shape())
            .containsExactly(96L, 8L);
      }
    }
  }

  @Test
  void mergesToTheGoldenLogits() throws IOException {
    Path merged = directory.resolve("merged");
    MergeConfig job = new MergeConfig(Golden.path("bloom/base"), Golden.path(ADAPTER), merged);
    assertThat(Merger.merge(job.checked()).weights()).isEqualTo(2);
    Converter.convert(merged, directory.resolve("base"), WeightDtype.FLOAT32, false);
    try (Golden golden = Golden.open(ADAPTER)) {
      int[][] mask = golden.matrix("right.attention_mask");
      float[] logits =
          Forward.logits(
              BaseModel.open(directory.resolve("base")), golden.matrix("right.input_ids"), mask);
      Golden.assertCloseAtTokens(
          "merged", logits, golden.floats("right.logits"), mask, Parity.ACTIVATIONS);
    }
  }

  @Test
  void generatesTheGoldenTokens() throws IOException {
    Path base = directory.resolve("base");
    Converter.convert(Parity.checkpointWithoutEnd(directory, "bloom"), base, false);
    try (Golden golden = Golden.open(ADAPTER + "/generation");
        Generator generator =
            Generator.open(BaseModel.open(base), Optional.of(Golden.path(ADAPTER)), Compile.OFF)) {
      int[][] ids = golden.matrix("gen.input_ids");
      int[][] mask = golden.matrix("gen.attention_mask");
      int[][] sequences = golden.matrix("gen.greedy.sequences");
      List<int[]> prompts = new ArrayList<>();
      List<int[]> expected = new ArrayList<>();
      for (int row = 0; row < ids.length; row++) {
        int padding = ids[row].length - Arrays.stream(mask[row]).sum();
        prompts.add(Arrays.copyOfRange(ids[row], padding, ids[row].length));
        expected.add(Arrays.copyOfRange(sequences[row], ids[row].length, sequences[row].length));
      }
      List<int[]> tokens = generator.generate(prompts, new GenerationConfig(16, 3), answers -> {});
      assertThat(tokens.toArray(int[][]::new)).isDeepEqualTo(expected.toArray(int[][]::new));
    }
  }
}
