package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.GenerationConfig;
import org.llmadapters.eval.Generator;
import org.llmadapters.eval.StopStrings;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.BeamDecoder;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SamplingConfig;
import org.llmadapters.graph.compile.SessionOptions;

/** Greedy generation and beam search, from checkpoint to token ids, against Hugging Face's. */
final class GenerationParityTest {
  /** Sums run in another order than in PyTorch; relative to the largest absolute value. */
  private static final double TOLERANCE = 1e-4;

  private static final int NEW_TOKENS = 16;

  private static final BeamConfig FOUR_BEAMS = new BeamConfig(4, 1, BeamConfig.EarlyStopping.FALSE);

  @TempDir private Path directory;

  /** Converts a golden checkpoint after taking its end token away. */
  private BaseModel withoutEnd(String family) throws IOException {
    return convert(Parity.checkpointWithoutEnd(directory, family));
  }

  private BaseModel convert(Path checkpoint) throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(checkpoint, output, false);
    return BaseModel.open(output);
  }

  private static Optional<Path> adapter(String name) {
    return Files.exists(Golden.path(name).resolve("adapter_config.json"))
        ? Optional.of(Golden.path(name))
        : Optional.empty();
  }

  /** Prompts without their padding, which is on the left. */
  private static List<int[]> prompts(Golden golden) throws IOException {
    int[][] ids = golden.matrix("gen.input_ids");
    int[][] mask = golden.matrix("gen.attention_mask");
    List<int[]> prompts = new ArrayList<>();
    for (int row = 0; row < ids.length; row++) {
      int padding = ids[row].length - Arrays.stream(mask[row]).sum();
      prompts.add(Arrays.copyOfRange(ids[row], padding, ids[row].length));
    }
    return prompts;
  }

  /** The tokens after the prompts. */
  private static List<int[]> continuations(Golden golden, String sequences) throws IOException {
    int promptLength = golden.matrix("gen.input_ids")[0].length;
    return Arrays.stream(golden.matrix(sequences))
        .map(row -> Arrays.copyOfRange(row, promptLength, row.length))
        .toList();
  }

  /** Up to the first {@code end} and with it. */
  private static int[] upTo(int end, int[] tokens) {
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == end) {
        return Arrays.copyOf(tokens, i + 1);
      }
    }
    return tokens;
  }

  private static List<int[]> generate(Generator generator, List<int[]> prompts, int batchSize) {
    return generator.generate(prompts, new GenerationConfig(NEW_TOKENS, batchSize), finished -> {});
  }

  /** Every bare model and every one with an adapter; compiled where that shows something new. */
  static Stream<Arguments> values() {
    return Golden.directories("").stream()
        .flatMap(
            family ->
                Stream.concat(Stream.of(family), adapters(family))
                    .map(values -> Arguments.of(family, values)));
  }

  private static Stream<String> adapters(String family) {
    return Golden.directories(family).contains("adapters")
        ? Golden.directories(family + "/adapters").stream()
            .map(adapter -> family + "/adapters/" + adapter)
            .filter(adapter -> Golden.directories(adapter).contains("generation"))
        : Stream.empty();
  }

  static Stream<Arguments> compiled() {
    return Stream.concat(
        values().map(pair -> Arguments.of(pair.get()[0], pair.get()[1], Compile.OFF)),
        Stream.of("llama", "llama-gqa", "bloom", "mistral-swa")
            .map(family -> Arguments.of(family, family, Compile.ON)));
  }

  static List<String> families() {
    return Golden.directories("");
  }

  @ParameterizedTest
  @MethodSource("compiled")
  void givesTheGoldenTokensWhateverTheBatchSize(String family, String values, Compile compile)
      throws IOException {
    try (Golden golden = Golden.open(values + "/generation");
        Generator generator = Generator.open(withoutEnd(family), adapter(values), compile)) {
      List<int[]> prompts = prompts(golden);
      int[][] expected = continuations(golden, "gen.greedy.sequences").toArray(int[][]::new);
      for (int batchSize = 1; batchSize <= prompts.size(); batchSize++) {
        assertThat(generate(generator, prompts, batchSize).toArray(int[][]::new))
            .as("batch size %d", batchSize)
            .isDeepEqualTo(expected);
      }
    }
  }

  static Stream<Arguments> ends() {
    return Stream.concat(
        families().stream().map(family -> Arguments.of(family, Compile.OFF)),
        Stream.of(Arguments.of("llama", Compile.ON), Arguments.of("llama-gqa", Compile.ON)));
  }

  @ParameterizedTest
  @MethodSource("ends")
  void endsAtTheTokenThatGenerationConfigNames(String family, Compile compile) throws IOException {
    try (Golden golden = Golden.open(family + "/generation");
        Generator generator = Generator.open(withEnd(family, golden), Optional.empty(), compile)) {
      int end = end(golden);
      int[][] expected =
          continuations(golden, "gen.greedy_eos.sequences").stream()
              .map(tokens -> upTo(end, tokens))
              .toArray(int[][]::new);
      // A row ends early.
      assertThat(Arrays.stream(expected).mapToInt(row -> row.length).min().orElseThrow())
          .isLessThan(NEW_TOKENS);
      assertThat(generate(generator, prompts(golden), 3).toArray(int[][]::new))
          .isDeepEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"llama, OFF", "llama, ON", "bloom, OFF", "gptj, OFF", "opt, OFF"})
  void repetitionsAreLessLikelyByTheGoldenPenalty(String family, Compile compile)
      throws IOException {
    SamplingConfig penalty = new SamplingConfig(false, 1, 50, 1, 1.3);
    try (Golden golden = Golden.open(family + "/generation");
        Generator generator = Generator.open(withoutEnd(family), Optional.empty(), compile)) {
      GenerationConfig config =
          new GenerationConfig(NEW_TOKENS, 3, BeamConfig.GREEDY, penalty, 0, StopStrings.NONE);
      // The other prompts are shorter; their padding is not to be penalised either.
      List<int[]> answers = generator.generate(prompts(golden), config, finished -> {});
      assertThat(answers.get(0))
          .isEqualTo(continuations(golden, "gen.greedy_penalty.sequences").get(0))
          .isNotEqualTo(continuations(golden, "gen.greedy.sequences").get(0));
    }
  }

  private static int end(Golden golden) throws IOException {
    return golden.matrix("gen.eos_token_id")[0][0];
  }

  private BaseModel withEnd(String family, Golden golden) throws IOException {
    Path checkpoint = Parity.checkpointWithoutEnd(directory, family);
    ObjectNode generation = Json.object();
    generation.put("eos_token_id", end(golden));
    Json.write(checkpoint.resolve("generation_config.json"), generation);
    return convert(checkpoint);
  }

  /** Those of which there are golden beams: all bare models, and some adapters. */
  static Stream<Arguments> searched() {
    return values().filter(pair -> hasBeams((String) pair.get()[1]));
  }

  private static boolean hasBeams(String values) {
    try (Golden golden = Golden.open(values + "/generation")) {
      return golden.has("gen.beam4.sequences");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void everyBareModelHasGoldenBeams() {
    assertThat(families()).isNotEmpty().allMatch(GenerationParityTest::hasBeams);
  }

  @ParameterizedTest
  @MethodSource("searched")
  void fourBeamsFindTheGoldenSequencesWhateverTheBatchSize(String family, String values)
      throws IOException {
    try (Golden golden = Golden.open(values + "/generation");
        Generator generator = Generator.open(withoutEnd(family), adapter(values), Compile.AUTO)) {
      List<int[]> prompts = prompts(golden);
      int[][] expected = continuations(golden, "gen.beam4.sequences").toArray(int[][]::new);
      for (int batchSize = 1; batchSize <= prompts.size(); batchSize++) {
        assertThat(search(generator, prompts, batchSize).toArray(int[][]::new))
            .as("batch size %d", batchSize)
            .isDeepEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void fourBeamsEndAtTheEndToken(String family) throws IOException {
    try (Golden golden = Golden.open(family + "/generation");
        Generator generator =
            Generator.open(withEnd(family, golden), Optional.empty(), Compile.OFF)) {
      int[][] expected =
          continuations(golden, "gen.beam4_eos.sequences").stream()
              .map(tokens -> upTo(unchecked(golden), tokens))
              .toArray(int[][]::new);
      assertThat(search(generator, prompts(golden), 3).toArray(int[][]::new))
          .isDeepEqualTo(expected);
    }
  }

  private static int unchecked(Golden golden) {
    try {
      return end(golden);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<int[]> search(Generator generator, List<int[]> prompts, int batchSize) {
    return generator.generate(
        prompts, new GenerationConfig(NEW_TOKENS, batchSize, FOUR_BEAMS), finished -> {});
  }

  /** Sums of 16 logarithms in float32, divided by 16 or by the tokens up to the end. */
  @ParameterizedTest
  @MethodSource("families")
  void beamsHaveTheGoldenScores(String family) throws IOException {
    try (Golden golden = Golden.open(family + "/generation")) {
      checkScores(withoutEnd(family), List.of(), golden, "gen.beam4.sequences_scores");
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void endingBeamsHaveTheGoldenScores(String family) throws IOException {
    try (Golden golden = Golden.open(family + "/generation")) {
      checkScores(
          withoutEnd(family), List.of(end(golden)), golden, "gen.beam4_eos.sequences_scores");
    }
  }

  private static void checkScores(BaseModel base, List<Integer> endIds, Golden golden, String name)
      throws IOException {
    try (ModelSession session = new ModelSession(SessionOptions.oneReplica())) {
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      try (BeamDecoder decoder =
          new BeamDecoder(
              session,
              base.graph().graphDef(),
              base.config(),
              base.dtype(),
              endIds,
              FOUR_BEAMS,
              1)) {
        List<BeamDecoder.Found> found =
            decoder.generate(
                golden.matrix("gen.input_ids"),
                golden.matrix("gen.attention_mask"),
                NEW_TOKENS,
                tokens -> false,
                tokens -> true);
        float[] expected = golden.floats(name);
        assertThat(found).hasSameSizeAs(expected);
        for (int row = 0; row < expected.length; row++) {
          assertThat(found.get(row).score() / (double) expected[row])
              .as("%s of row %d", name, row)
              .isBetween(1 - 1e-5, 1 + 1e-5);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-gqa"})
  void streamsTheSameTokens(String family) throws IOException {
    try (Golden golden = Golden.open(family + "/generation");
        Generator generator = Generator.open(withoutEnd(family), Optional.empty(), Compile.OFF)) {
      int[] expected = continuations(golden, "gen.greedy.sequences").get(1);
      List<int[]> seen = new ArrayList<>();
      int[] tokens =
          generator.stream(prompts(golden).get(1), new GenerationConfig(NEW_TOKENS, 1), seen::add);
      assertThat(tokens).containsExactly(expected);
      for (int count = 1; count <= NEW_TOKENS; count++) {
        assertThat(seen.get(count - 1)).containsExactly(Arrays.copyOf(expected, count));
      }
      assertThat(seen).hasSize(NEW_TOKENS);
    }
  }

  @ParameterizedTest
  @CsvSource({"llama, llama", "llama, llama/adapters/lora", "bloom, bloom", "gptj, gptj"})
  void givesTheGoldenLogits(String family, String values) throws IOException {
    try (Golden golden = Golden.open(values);
        Generator generator = Generator.open(withoutEnd(family), adapter(values), Compile.AUTO)) {
      for (String padding : List.of("right", "left")) {
        int[][] mask = golden.matrix(padding + ".attention_mask");
        float[][][] logits = generator.logits(golden.matrix(padding + ".input_ids"), mask);
        Golden.assertCloseAtTokens(
            padding, flat(logits), golden.floats(padding + ".logits"), mask, TOLERANCE);
      }
    }
  }

  private static float[] flat(float[][][] values) {
    int width = values[0][0].length;
    float[] flat = new float[values.length * values[0].length * width];
    int position = 0;
    for (float[][] row : values) {
      for (float[] token : row) {
        System.arraycopy(token, 0, flat, position, width);
        position += width;
      }
    }
    return flat;
  }

  @Test
  void refusesAPromptThatLeavesNoRoomForTheNewTokens() throws IOException {
    try (Generator generator = Generator.open(withoutEnd("llama"), Optional.empty(), Compile.OFF)) {
      int[] fits = new int[64 - NEW_TOKENS];
      assertThat(generate(generator, List.of(fits), 1).get(0)).hasSize(NEW_TOKENS);
      int[] tooLong = new int[65 - NEW_TOKENS];
      assertThatThrownBy(() -> generate(generator, List.of(fits, tooLong), 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "a prompt of 49 tokens and max_new_tokens 16 exceed max_position_embeddings 64 of"
                  + " the model; lower --max-new-tokens or shorten the prompt");
      assertThatThrownBy(() -> generate(generator, List.of(fits, new int[0]), 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a prompt is empty; a model without a BOS token needs at least one token");
    }
  }

  @Test
  void listsWhyTheAdapterOfAnotherModelDoesNotFit() throws IOException {
    BaseModel model = withoutEnd("llama");
    Path other = Golden.path("llama-gqa/adapters/lora");
    assertThatThrownBy(() -> Generator.open(model, Optional.of(other), Compile.OFF))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            """
            %s: 6 tensors do not fit llama (hidden_size=32, num_hidden_layers=2)
              model.layers.0.self_attn.v_proj.lora_B.weight: shape [16, 4], expected [32, 4]
              model.layers.1.self_attn.v_proj.lora_B.weight: shape [16, 4], expected [32, 4]
              model.layers.2.self_attn.q_proj.lora_A.weight: no such parameter; nearest: model.layers.0.self_attn.q_proj.lora_A.weight
              model.layers.2.self_attn.q_proj.lora_B.weight: no such parameter; nearest: model.layers.0.self_attn.q_proj.lora_B.weight
              model.layers.2.self_attn.v_proj.lora_A.weight: no such parameter; nearest: model.layers.0.self_attn.v_proj.lora_A.weight
              model.layers.2.self_attn.v_proj.lora_B.weight: no such parameter; nearest: model.layers.0.self_attn.v_proj.lora_B.weight
            List the modules of a model with: llm-adapters inspect --model DIR""",
            other.resolve("adapter_model.safetensors"));
  }
}
