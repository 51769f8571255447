package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.Trainee;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;

/**
 * Golden checkpoints and adapters, opened through the product's own way, and what both tests ask of
 * them.
 */
final class Parity {
  /**
   * Of the largest value. Sums run in another order than in PyTorch; the reference's own versions
   * differ by 4e-6.
   */
  static final double ACTIVATIONS = 2e-5;

  /** Relative; a mean of 14 logarithms. The reference's own versions differ by 5e-7. */
  static final double LOSS = 2e-6;

  /** Of the largest value of each tensor. The reference's own versions differ by 1e-5. */
  static final double GRADIENTS = 5e-5;

  static final Execution PLAIN = new Execution(1, false);

  /** No weight decay, no clipping. */
  static final OptimizerConfig ADAM =
      new OptimizerConfig(AdamW.defaults(), 0, 0, LearningRates.EQUAL);

  private Parity() {}

  /** Converts a golden checkpoint to {@code directory/base} and opens it. */
  static BaseModel base(Path directory, String checkpoint, WeightDtype dtype) throws IOException {
    Path output = directory.resolve("base");
    Converter.convert(Golden.path(checkpoint), output, dtype, false);
    return BaseModel.open(output);
  }

  /** Copies a golden checkpoint to {@code directory/checkpoint}, but for its end token. */
  static Path checkpointWithoutEnd(Path directory, String family) throws IOException {
    Path base = Golden.path(family + "/base");
    Path checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    Files.copy(base.resolve("model.safetensors"), checkpoint.resolve("model.safetensors"));
    ObjectNode config = Json.readObject(base.resolve("config.json"));
    config.putNull("eos_token_id");
    Json.write(checkpoint.resolve("config.json"), config);
    return checkpoint;
  }

  static void checkLogits(Trainee trainee, Golden golden, double tolerance) throws IOException {
    checkLogits(trainee, golden, "right", tolerance);
    checkLogits(trainee, golden, "left", tolerance);
  }

  static void checkLogits(Trainee trainee, Golden golden, String padding, double tolerance)
      throws IOException {
    Forward forward = new Forward(trainee.session(), trainee.inference().graph());
    int[][] mask = golden.matrix(padding + ".attention_mask");
    float[] logits = forward.logits(golden.matrix(padding + ".input_ids"), mask, false);
    Golden.assertCloseAtTokens(
        padding + ".logits", logits, golden.ofTokens(padding + ".logits"), mask, tolerance);
  }

  /** The loss of {@code trainee}; one for each session. */
  static LossFunction lossFunction(Trainee trainee, Execution execution) {
    return new LossFunction(trainee.session(), trainee.inference(), execution);
  }

  /** Compares the mean loss of {@code batch}, which is closed. */
  static void checkLoss(LossFunction losses, Golden golden, String name, TokenBatch batch)
      throws IOException {
    double expected = golden.scalar(name);
    try (batch) {
      assertThat(losses.of(batch).mean()).as(name).isCloseTo(expected, within(LOSS * expected));
    }
  }

  static TrainingStep step(Trainee trainee, OptimizerConfig optimizer, Execution execution) {
    return new TrainingStep(trainee.session(), trainee.training(), optimizer, execution);
  }
}
