package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.tests.Parity.ACTIVATIONS;
import static org.llmadapters.tests.Parity.ADAM;
import static org.llmadapters.tests.Parity.GRADIENTS;
import static org.llmadapters.tests.Parity.PLAIN;
import static org.llmadapters.tests.Parity.checkLogits;
import static org.llmadapters.tests.Parity.checkLoss;
import static org.llmadapters.tests.Parity.lossFunction;
import static org.llmadapters.tests.Parity.step;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.FullTrainee;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.TokenBatch;

/**
 * Bare models of every family, from a Hugging Face checkpoint to gradients, against what
 * transformers computes. Full tensors; logits and hidden states where {@code attention_mask} is 1.
 * The cases are the folders below {@code golden/}.
 */
final class HfParityTest {
  /** GPT-Neo's own code counts padding on the left as positions; we never do. */
  private static final Set<String> LEFT_PADDING_MOVES_POSITIONS = Set.of("gpt_neo");

  /**
   * Of the largest gradient of all parameters. Some have no gradient in exact arithmetic (the bias
   * of keys moves all scores of a query alike), so that what is there is all rounding.
   */
  private static final double NO_GRADIENT = 1e-6;

  @TempDir Path directory;

  static List<String> families() {
    return Golden.directories("");
  }

  private static List<String> checkpoints(String pattern) {
    return families().stream()
        .flatMap(family -> Golden.directories(family).stream().map(name -> family + "/" + name))
        .filter(name -> name.matches("[^/]*/" + pattern))
        .toList();
  }

  /** All that hold the weights of {@code base}. */
  static List<String> wideCheckpoints() {
    return checkpoints("base(-v5|-bin|-sharded)?");
  }

  static List<String> narrowCheckpoints() {
    return checkpoints("base-(bf16|fp16|fp16-bin)");
  }

  static Stream<Arguments> narrowModels() {
    return checkpoints("base-(bf16|fp16)").stream()
        .map(
            name ->
                Arguments.of(
                    name, name.endsWith("bf16") ? WeightDtype.BFLOAT16 : WeightDtype.FLOAT16));
  }

  private BaseModel base(String checkpoint, WeightDtype dtype) throws IOException {
    return Parity.base(directory, checkpoint, dtype);
  }

  @Test
  void everyFamilyHasItsCase() throws IOException {
    Set<String> covered = new HashSet<>();
    for (String family : families()) {
      covered.add(HfConfig.read(Golden.path(family + "/base")).model().modelType());
    }
    assertThat(covered).containsExactlyInAnyOrderElementsOf(Architecture.modelTypes());
  }

  @ParameterizedTest
  @MethodSource("wideCheckpoints")
  void bareModelHasTheLogitsAndLosses(String checkpoint) throws IOException {
    String family = checkpoint.substring(0, checkpoint.indexOf('/'));
    try (FullTrainee trainee =
            FullTrainee.of(base(checkpoint, WeightDtype.FLOAT32), SessionOptions.oneReplica());
        Golden golden = Golden.open(family)) {
      LossFunction losses = lossFunction(trainee, PLAIN);
      checkLogitsAndLosses(trainee, losses, golden, family);
      checkLoss(losses, golden, "right.loss_all_tokens", golden.batchOfAllTokens("right"));
    }
  }

  private static void checkLogitsAndLosses(
      FullTrainee trainee, LossFunction losses, Golden golden, String family) throws IOException {
    if (!LEFT_PADDING_MOVES_POSITIONS.contains(family)) {
      checkLogits(trainee, golden, ACTIVATIONS);
      checkLoss(losses, golden, "left.loss", golden.batch("left"));
    }
    checkLoss(losses, golden, "right.loss", golden.batch("right"));
    checkPaddingChangesNothing(trainee, golden);
  }

  /** The tokens of a row that is padded on the left have the logits of one padded on the right. */
  private static void checkPaddingChangesNothing(FullTrainee trainee, Golden golden)
      throws IOException {
    Forward forward = new Forward(trainee.session(), trainee.inference().graph());
    int[][] left = golden.matrix("left.attention_mask");
    int[][] right = golden.matrix("right.attention_mask");
    float[] logits = forward.logits(golden.matrix("left.input_ids"), left, false);
    float[] expected = golden.floats("right.logits");
    int tokens = right[0].length;
    int width = expected.length / right.length / tokens;
    float[] moved = new float[logits.length];
    for (int row = 0; row < right.length; row++) {
      int padding = tokens - Arrays.stream(left[row]).sum();
      System.arraycopy(
          logits,
          (row * tokens + padding) * width,
          moved,
          row * tokens * width,
          (tokens - padding) * width);
    }
    Golden.assertCloseAtTokens("left and right", moved, expected, right, ACTIVATIONS);
  }

  /** Weights of 16 bits are widened exactly, so nothing but the order of sums may differ. */
  @ParameterizedTest
  @MethodSource("narrowCheckpoints")
  void narrowCheckpointsWidenedToFloat32HaveTheLogitsAndLosses(String checkpoint)
      throws IOException {
    String family = checkpoint.substring(0, checkpoint.indexOf('/'));
    try (FullTrainee trainee =
            FullTrainee.of(base(checkpoint, WeightDtype.FLOAT32), SessionOptions.oneReplica());
        Golden golden = Golden.open(checkpoint.replace("-bin", ""))) {
      checkLogitsAndLosses(trainee, lossFunction(trainee, PLAIN), golden, family);
    }
  }

  /**
   * Computing in 16 bits, too. PyTorch itself is then away from float32 by up to 0.057 of the
   * largest logit in bfloat16 and by 0.0087 in float16. Twice that is allowed, since each result is
   * rounded and the order of roundings is ours.
   */
  @ParameterizedTest
  @MethodSource("narrowModels")
  void narrowModelsAreNearFloat32(String checkpoint, WeightDtype dtype) throws IOException {
    BaseModel base = base(checkpoint, dtype);
    try (FullTrainee trainee = FullTrainee.of(base, SessionOptions.oneReplica());
        Golden golden = Golden.open(checkpoint)) {
      assertThat(base.dtype()).isEqualTo(dtype);
      Forward forward = new Forward(trainee.session(), trainee.inference().graph());
      int[][] mask = golden.matrix("right.attention_mask");
      Golden.assertCloseAtTokens(
          "right.logits",
          forward.logits(golden.matrix("right.input_ids"), mask, false),
          golden.floats("right.logits"),
          mask,
          dtype == WeightDtype.BFLOAT16 ? 0.114 : 0.0174);
    }
  }

  /** What the first block reads, what each block gives, and the last one after the final norm. */
  @ParameterizedTest
  @MethodSource("families")
  void everyBlockGivesTheHiddenStates(String family) throws IOException {
    BaseModel base = base(family + "/base", WeightDtype.FLOAT32);
    int layers = base.config().sizes().numHiddenLayers();
    var names = Architecture.of(base.config().modelType()).spec().names().model();
    String path = names.layers().replace('.', '/') + "/";
    try (FullTrainee trainee = FullTrainee.of(base, SessionOptions.oneReplica());
        Golden golden = Golden.open(family)) {
      Forward forward = new Forward(trainee.session(), base.graph().graphDef());
      int[][] ids = golden.matrix("right.input_ids");
      int[][] mask = golden.matrix("right.attention_mask");
      List<String> nodes = new ArrayList<>();
      // Where embeddings are projected, only what is projected back is of the width of the golden.
      if (base.config().sizes().wordEmbedProjDim() == base.config().sizes().hiddenSize()) {
        nodes.add(path + "0/hidden_states");
        for (int layer = 0; layer + 1 < layers; layer++) {
          nodes.add(path + layer + "/output");
        }
      }
      nodes.add(names.lmHead() + "/input");
      float[] all = golden.floats("right.hidden_states");
      int size = all.length / nodes.size();
      for (int i = 0; i < nodes.size(); i++) {
        float[] expected = Arrays.copyOfRange(all, i * size, (i + 1) * size);
        Golden.assertCloseAtTokens(
            "hidden state " + i,
            forward.tensor(nodes.get(i), ids, mask, false),
            expected,
            mask,
            ACTIVATIONS);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void fullTrainingHasTheGradientOfEveryParameter(String family) throws IOException {
    try (FullTrainee trainee =
            FullTrainee.of(
                base(family + "/base", WeightDtype.FLOAT32), SessionOptions.oneReplica());
        Golden golden = Golden.open(family);
        TokenBatch batch = golden.batch("right")) {
      Map<String, float[]> gradients = step(trainee, ADAM, PLAIN).gradients(batch);
      assertThat(gradients.keySet()).containsExactlyInAnyOrderElementsOf(golden.names("grad."));
      double largest = 0;
      for (String name : gradients.keySet()) {
        largest = Math.max(largest, Golden.largest(golden.floats("grad." + name)));
      }
      for (Map.Entry<String, float[]> gradient : gradients.entrySet()) {
        float[] expected = golden.floats("grad." + gradient.getKey());
        Golden.assertClose(
            gradient.getKey(),
            gradient.getValue(),
            expected,
            new boolean[expected.length],
            Math.max(GRADIENTS * Golden.largest(expected), NO_GRADIENT * largest));
      }
    }
  }

  /** A trained checkpoint is written with the names, shapes and configuration it came with. */
  @ParameterizedTest
  @MethodSource("families")
  void fullTrainingWritesACheckpointThatConvertsToTheSameModel(String family) throws IOException {
    Path written = directory.resolve("written");
    try (FullTrainee trainee =
        FullTrainee.of(base(family + "/base", WeightDtype.FLOAT32), SessionOptions.oneReplica())) {
      trainee.save(written);
    }
    Path again = directory.resolve("again");
    Converter.convert(written, again, WeightDtype.FLOAT32, false);
    BaseModel reread = BaseModel.open(again);
    assertThat(reread.config()).isEqualTo(BaseModel.open(directory.resolve("base")).config());
    try (FullTrainee trainee = FullTrainee.of(reread, SessionOptions.oneReplica());
        Golden golden = Golden.open(family)) {
      checkLogitsAndLosses(trainee, lossFunction(trainee, PLAIN), golden, family);
    }
  }
}
