package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/**
 * LoRA outside of the blocks: on the embedding and the output layer, and with these trained whole;
 * from a new adapter to the merged model and to generated tokens.
 */
final class LoraModulesTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  @TempDir Path directory;

  private Path checkpoint = Path.of("");
  private Path saved = Path.of("");

  @BeforeEach
  void nameDirectories() {
    checkpoint = directory.resolve("checkpoint");
    saved = directory.resolve("adapter");
  }

  private BaseModel base(Architecture family, WeightDtype dtype) throws IOException {
    TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), dtype);
    Converter.convert(checkpoint, directory.resolve("base"), dtype, false);
    return BaseModel.open(directory.resolve("base"));
  }

  /** Rank 2, but 3 at the embedding. */
  private static LoraConfig config(String targets, String modulesToSave) {
    return new LoraConfig(
        2,
        4,
        false,
        0,
        new TargetModules.Names(List.of(targets.split(" "))),
        new LoraPatterns(Map.of("embed_tokens|wte|embed_in", 3), Map.of("lm_head", 3.0)),
        new LoraVariant(
            false,
            LoraInit.DEFAULT,
            TrainedBias.NONE,
            modulesToSave.isEmpty() ? List.of() : List.of(modulesToSave.split(" "))));
  }

  private static AdapterTrainee fresh(BaseModel base, LoraConfig config) throws IOException {
    return AdapterTrainee.open(base, config, null, 5, SessionOptions.oneReplica());
  }

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  private static void train(AdapterTrainee trainee, int steps, boolean xla) {
    TrainingStep step =
        new TrainingStep(
            trainee.session(),
            trainee.training(),
            OptimizerConfig.defaults(),
            new Execution(1, xla));
    try (TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      for (int i = 1; i <= steps; i++) {
        step.step(batch, new UpdateRate(i, 1e-2));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "LLAMA, FLOAT32, q_proj embed_tokens lm_head, '', 1e-4",
    "LLAMA, BFLOAT16, q_proj embed_tokens lm_head, '', 0.05",
    "LLAMA, FLOAT32, q_proj v_proj, lm_head embed_tokens norm, 1e-4",
    "LLAMA, BFLOAT16, q_proj, lm_head embed_tokens, 0.05",
    "GEMMA, FLOAT32, q_proj, post_attention_layernorm, 1e-4",
    "GPT_J, FLOAT32, wte fc_in, lm_head, 1e-4",
    "GPT_NEOX, FLOAT32, embed_in query_key_value, embed_out, 1e-4",
    "OPT, FLOAT32, q_proj, fc1 embed_positions, 1e-4",
    "GPT_2, FLOAT32, c_attn, wpe mlp.c_proj, 1e-4"
  })
  void startsAsTheBaseIsTrainedStoredAndMerged(
      Architecture family, WeightDtype dtype, String targets, String modulesToSave, double rounding)
      throws IOException {
    BaseModel base = base(family, dtype);
    float[] unadapted = Forward.logits(base, IDS, MASK);
    float[] trained;
    try (AdapterTrainee trainee = fresh(base, config(targets, modulesToSave))) {
      Golden.assertCloseAtTokens("a new adapter", logits(trainee), unadapted, MASK, rounding);
      Map<Weight, float[]> before = Forward.values(trainee.session(), trainee.variables());
      Map<Weight, float[]> ofBase = Forward.values(trainee.session(), base.graph().weights());
      train(trainee, 3, false);
      Forward.values(trainee.session(), trainee.variables())
          .forEach(
              (weight, value) ->
                  assertThat(value).as(weight.name()).isNotEqualTo(before.get(weight)));
      Forward.values(trainee.session(), base.graph().weights())
          .forEach(
              (weight, value) -> assertThat(value).as(weight.name()).isEqualTo(ofBase.get(weight)));
      trainee.save(saved);
      trained = logits(trainee);
    }
    try (PeftAdapter adapter = PeftAdapter.read(saved)) {
      assertThat(adapter.config()).isEqualTo(config(targets, modulesToSave));
      try (AdapterTrainee reopened =
          AdapterTrainee.open(base, adapter.config(), adapter, 9, SessionOptions.oneReplica())) {
        Golden.assertCloseAtTokens("opened again", logits(reopened), trained, MASK, 2e-5);
      }
    }
    Path merged = directory.resolve("merged");
    Merger.merge(new MergeConfig(checkpoint, saved, merged));
    Converter.convert(merged, directory.resolve("merged-base"), dtype, false);
    float[] logits = Forward.logits(BaseModel.open(directory.resolve("merged-base")), IDS, MASK);
    Golden.assertCloseAtTokens("merged", logits, trained, MASK, rounding);
  }

  @ParameterizedTest
  @CsvSource({"q_proj embed_tokens lm_head, ''", "q_proj, lm_head embed_tokens"})
  void compiledItTrainsTheSame(String targets, String modulesToSave) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    LoraConfig config = config(targets, modulesToSave);
    try (AdapterTrainee plain = fresh(base, config);
        AdapterTrainee compiled = fresh(base, config)) {
      train(plain, 3, false);
      train(compiled, 3, true);
      Golden.assertCloseAtTokens("compiled", logits(compiled), logits(plain), MASK, 1e-4);
    }
  }

  /** Greedy tokens by the cache are those of the largest logit of the whole sequence. */
  @ParameterizedTest
  @CsvSource({
    "LLAMA, q_proj embed_tokens lm_head, ''",
    "LLAMA, q_proj, lm_head embed_tokens",
    "QWEN2, embed_tokens, ''",
    "BLOOM, word_embeddings, ''",
    "GPT_2, wte, wpe"
  })
  void decodesWithTheCacheWhatTheWholeSequenceGives(
      Architecture family, String targets, String modulesToSave) throws IOException {
    BaseModel base = base(family, WeightDtype.FLOAT32);
    try (AdapterTrainee trainee = fresh(base, config(targets, modulesToSave))) {
      train(trainee, 6, false);
      trainee.save(saved);
    }
    CachedDecoding.check(base, saved, List.of(IDS[0], Arrays.copyOf(IDS[1], 3)));
  }

  @Test
  void keysAreThoseOfPeft() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    try (AdapterTrainee trainee = fresh(base, config("embed_tokens", "lm_head"))) {
      trainee.save(saved);
    }
    assertThat(
            Files.readString(
                saved.resolve("adapter_model.safetensors"), StandardCharsets.ISO_8859_1))
        .contains(
            "\"base_model.model.lm_head.weight\"",
            "\"base_model.model.model.embed_tokens.lora_embedding_A\"",
            "\"base_model.model.model.embed_tokens.lora_embedding_B\"");
    assertThat(Files.readString(saved.resolve("adapter_config.json")))
        .containsPattern("\"modules_to_save\"\\s*:\\s*\\[\\s*\"lm_head\"\\s*\\]");
  }

  @Test
  void aTiedEmbeddingIsAdaptedButNotMerged() throws IOException {
    BaseModel base = base(Architecture.BLOOM, WeightDtype.FLOAT32);
    try (AdapterTrainee trainee = fresh(base, config("word_embeddings", ""))) {
      train(trainee, 2, false);
      trainee.save(saved);
    }
    Path merged = directory.resolve("merged");
    assertThatThrownBy(() -> Merger.merge(new MergeConfig(checkpoint, saved, merged)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            saved
                + ": cannot be merged: it adapts transformer.word_embeddings, whose weight is"
                + " lm_head's as well (tie_word_embeddings), so that merging would change that"
                + " layer, too; use the adapter without merging it");
    assertThat(merged).doesNotExist();
  }

  private static void fails(String message, Object... arguments) {
    CommandRun run = CommandRun.of(arguments);
    assertThat(run.code()).as(run.err()).isNotZero();
    assertThat(run.err()).contains(message);
  }

  @Test
  void isTrainedInspectedMergedAndExportedByCommands() throws IOException {
    Path base = directory.resolve("base");
    Path llama = Golden.path("llama/base");
    CommandRun.succeed("convert", "--checkpoint", llama, "--output", base);
    Path data =
        Files.writeString(
            directory.resolve("data.jsonl"), "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n");
    Object[] train = {"train", "--model", base, "--data", data, "--adapter", "lora", "--r", 2};
    Object[] loop = {"--max-steps", 2, "--batch-size", 1, "--micro-batch-size", 1};
    Path run = directory.resolve("run");
    CommandRun.succeed(
        joined(
            joined(train, loop),
            "--target-modules",
            "q_proj,embed_tokens",
            "--modules-to-save",
            "lm_head",
            "--loraplus-lr-ratio",
            4,
            "--output",
            run));
    // q_proj: two layers of r (in + out); the embedding: r (V + H); lm_head: V H
    int trained = 2 * 2 * (32 + 32) + 2 * (97 + 32) + 97 * 32;
    assertThat(CommandRun.succeed("inspect", "--model", base, "--adapter", run))
        .containsPattern("modules_to_save +lm_head\n")
        .containsPattern("target_modules +q_proj, embed_tokens\n")
        .containsPattern("adapted modules +3\n")
        .contains(trained + ", ")
        .contains("embed_tokens         97 ->     32  x 1  (embedding, for lora alone)");
    assertThat(
            CommandRun.succeed("merge", "--checkpoint", llama, "--adapter", run, "--output", saved))
        .contains("merged      4 of ", "checked");
    CommandRun.succeed(
        "export",
        "--model",
        base,
        "--adapter",
        run,
        "--output",
        directory.resolve("models"),
        "--merge");
    assertThat(
            CommandRun.succeed(
                "export",
                "--model",
                base,
                "--adapter",
                run,
                "--output",
                directory.resolve("models"),
                "--version",
                2))
        // the factors at q_proj in two layers and at the embedding, and the output layer
        .contains("7 variables beside the weights");
    Path refused = directory.resolve("refused");
    fails(
        """
        modules_to_save does not fit the model:
          head: no module of the model has a path that ends so
          embed_tokens: model.embed_tokens is one of target_modules; it cannot be both
        """,
        joined(
            joined(train, loop),
            "--target-modules",
            "embed_tokens",
            "--modules-to-save",
            "head,lm_head,embed_tokens",
            "--output",
            refused));
    assertThat(refused).doesNotExist();
  }

  private static Object[] joined(Object[] first, Object... second) {
    return Stream.concat(Arrays.stream(first), Arrays.stream(second)).toArray();
  }
}
