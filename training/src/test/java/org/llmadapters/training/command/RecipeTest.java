package org.llmadapters.training.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.training.RunFile;
import org.llmadapters.training.TrainingOptions;
import picocli.CommandLine;

/** Recipes are what LLM-Adapters published, and give way to flags and files. */
final class RecipeTest {
  private static final Map<String, String> CONFIGS =
      Map.of(
          "llama",
          "{\"model_type\": \"llama\", \"hidden_size\": 32, \"intermediate_size\": 48,"
              + " \"max_position_embeddings\": 64, \"num_attention_heads\": 4,"
              + " \"num_hidden_layers\": 2, \"rms_norm_eps\": 1e-06, \"vocab_size\": 97}",
          "bloom",
          "{\"model_type\": \"bloom\", \"hidden_size\": 32, \"n_layer\": 2, \"n_head\": 4,"
              + " \"seq_length\": 64, \"layer_norm_epsilon\": 1e-05, \"vocab_size\": 97}",
          "gptj",
          "{\"model_type\": \"gptj\", \"n_embd\": 32, \"n_head\": 4, \"n_layer\": 2,"
              + " \"n_positions\": 64, \"rotary_dim\": 4, \"vocab_size\": 97,"
              + " \"bos_token_id\": 1, \"eos_token_id\": 1}",
          "mistral",
          "{\"model_type\": \"mistral\", \"hidden_size\": 32, \"intermediate_size\": 48,"
              + " \"max_position_embeddings\": 64, \"num_attention_heads\": 4,"
              + " \"num_key_value_heads\": 2, \"num_hidden_layers\": 2, \"rms_norm_eps\": 1e-06,"
              + " \"vocab_size\": 97}");

  /** What {@code finetune.py} does where a command does not say otherwise. */
  private static final String FINETUNE_DEFAULTS =
      "--batch_size 128 --micro_batch_size 4 --num_epochs 3 --learning_rate 3e-4 --cutoff_len 256"
          + " --val_set_size 2000 --eval_step 200 --save_step 200";

  private static final String LORA_DEFAULTS = " --lora_r 8 --lora_alpha 16 --lora_dropout 0.05";

  private static final String BOTTLENECK_DEFAULTS =
      " --bottleneck_size 256 --non_linearity tanh --adapter_dropout 0.0 --scaling 1.0";

  /** Fixed in its code: the Trainer's arguments and the prompt. */
  private static final List<String> FIXED =
      List.of(
          "--warmup-steps=100",
          "--optimizer=adamw_torch",
          "--adam-beta1=0.9",
          "--adam-beta2=0.999",
          "--adam-epsilon=1e-8",
          "--weight-decay=0",
          "--max-grad-norm=1.0",
          "--lr-scheduler=linear",
          "--save-total-limit=3",
          "--template=llm-adapters-train",
          "--train-on-inputs");

  private static final Map<String, String> NAMES =
      Map.of(
          "--lora_r", "--r",
          "--eval_step", "--eval-steps",
          "--save_step", "--save-steps");

  @TempDir Path directory;

  private Path base(String family) throws IOException {
    Path base = directory.resolve(family);
    Files.createDirectories(base.resolve("assets.extra"));
    Files.write(base.resolve("saved_model.pb"), new byte[0]);
    Files.writeString(base.resolve("assets.extra/config.json"), CONFIGS.getOrDefault(family, ""));
    return base;
  }

  /** The options that a command line comes to. */
  private static TrainingOptions options(List<String> arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of("train", "--data=d", "--output=o"));
    all.addAll(arguments);
    TrainCommand train = new TrainCommand();
    CommandLine command = new CommandLine(train);
    OptionDefaults.use(all.toArray(String[]::new), command);
    command.parseArgs(all.subList(1, all.size()).toArray(String[]::new));
    return train.options();
  }

  /** A command of LLM-Adapters as one of ours. */
  private static List<String> translated(String published) {
    Map<String, String> flags = new HashMap<>();
    boolean lora = published.contains("--adapter_name lora");
    boolean prefix = published.contains("--adapter_name prefix-tuning");
    String defaults = FINETUNE_DEFAULTS;
    if (!prefix) {
      defaults += lora ? LORA_DEFAULTS : BOTTLENECK_DEFAULTS;
    }
    String[] words = (defaults + " " + published).split(" ", -1);
    for (int i = 0; i < words.length; i++) {
      if (words[i].equals("--use_parallel_adapter")) {
        flags.put("--adapter_name", "parallel");
      } else {
        flags.put(words[i], words[++i]);
      }
    }
    flags.computeIfPresent(
        "--adapter_name",
        (name, adapter) ->
            switch (adapter) {
              case "prefix-tuning" -> "prefix";
              case "bottleneck" -> "series";
              default -> adapter;
            });
    List<String> ours = new ArrayList<>(FIXED);
    flags.forEach(
        (flag, value) ->
            ours.add(
                NAMES.getOrDefault(flag, flag.replace("adapter_name", "adapter")).replace('_', '-')
                    + "="
                    + value));
    return ours;
  }

  /**
   * The commands of {@code math_running_commands}, without {@code --load_8bit}; LLaMA's series
   * adapters have the modules of the run whose scores were published. The commonsense settings are
   * those of issues 38 and 45.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "math-lora | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name lora --target_modules"
            + " q_proj,k_proj,v_proj,up_proj,down_proj --lora_r 32 --lora_alpha 64",
        "math-prefix | llama | --batch_size 8 --num_epochs 5 --learning_rate 3e-2 --val_set_size 120"
            + " --eval_step 10 --save_step 10 --adapter_name prefix-tuning --num_virtual_tokens 10",
        "math-series | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size"
            + " 120 --eval_step 80 --save_step 80 --adapter_name bottleneck --target_modules"
            + " down_proj",
        "math-parallel | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size"
            + " 0 --eval_step 80 --save_step 80 --adapter_name bottleneck --use_parallel_adapter"
            + " --target_modules up_proj,down_proj",
        "math-lora | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name lora --target_modules"
            + " query_key_value,dense_4h_to_h,dense_h_to_4h --lora_r 32 --lora_alpha 64",
        "math-series | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name bottleneck --target_modules"
            + " dense_4h_to_h",
        "math-parallel | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size"
            + " 0 --eval_step 80 --save_step 80 --adapter_name bottleneck --use_parallel_adapter"
            + " --target_modules dense_4h_to_h,dense_h_to_4h",
        "math-lora | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name lora --target_modules"
            + " q_proj,k_proj,v_proj,fc_in,fc_out --lora_r 32 --lora_alpha 64",
        "math-series | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name bottleneck --target_modules fc_out",
        "math-parallel | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4 --val_set_size 0"
            + " --eval_step 80 --save_step 80 --adapter_name bottleneck --use_parallel_adapter"
            + " --target_modules fc_in,fc_out",
        "commonsense-lora | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name lora"
            + " --target_modules q_proj,k_proj,v_proj,up_proj,down_proj --lora_r 32 --lora_alpha 64",
        "commonsense-series | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --target_modules down_proj",
        "commonsense-parallel | llama | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --use_parallel_adapter --target_modules up_proj,down_proj",
        "commonsense-lora | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name lora"
            + " --target_modules query_key_value,dense_4h_to_h,dense_h_to_4h --lora_r 32 --lora_alpha"
            + " 64",
        "commonsense-lora | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name lora"
            + " --target_modules q_proj,k_proj,v_proj,fc_in,fc_out --lora_r 32 --lora_alpha 64",
        "commonsense-series | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --target_modules dense_4h_to_h",
        "commonsense-series | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --target_modules fc_out",
        "commonsense-parallel | bloom | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --use_parallel_adapter --target_modules dense_4h_to_h,dense_h_to_4h",
        "commonsense-parallel | gptj | --batch_size 16 --num_epochs 3 --learning_rate 3e-4"
            + " --val_set_size 120 --eval_step 80 --save_step 80 --adapter_name bottleneck"
            + " --use_parallel_adapter --target_modules fc_in,fc_out",
      })
  void aRecipeIsThePublishedCommand(String recipe, String family, String published)
      throws IOException {
    String model = "--model=" + base(family);
    List<String> command = new ArrayList<>(translated(published));
    command.add(model);
    assertThat(options(List.of(model, "--recipe=" + recipe))).isEqualTo(options(command));
  }

  /** So that a recipe cannot be added without its command above. */
  @Test
  void allRecipesAreListed() {
    assertThat(Recipe.RECIPES.stream().map(Recipe::name))
        .containsExactlyInAnyOrder(
            "math-lora",
            "math-series",
            "math-parallel",
            "math-prefix",
            "commonsense-lora",
            "commonsense-series",
            "commonsense-parallel");
    assertThat(Recipe.table()).contains(Recipe.RECIPES.stream().map(Recipe::name).toList());
  }

  @Test
  void everyOptionOfARecipeIsOne() {
    Set<String> known =
        new CommandLine(new TrainCommand())
            .getCommandSpec().options().stream().map(RunFile::key).collect(Collectors.toSet());
    for (Recipe recipe : Recipe.RECIPES) {
      assertThat(known).containsAll(recipe.options().keySet());
      recipe.families().values().forEach(own -> assertThat(known).containsAll(own.keySet()));
    }
  }

  @Test
  void flagsWinOverTheFileAndTheFileOverTheRecipe() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("run.yaml"),
            "recipe: math-lora\nlearning_rate: 1e-3\nnum-epochs: 7\nlora-alpha: 5\n");
    TrainingOptions options =
        options(
            List.of(
                "--model",
                base("llama").toString(),
                "--config",
                file.toString(),
                "--num-epochs",
                "2",
                "--train-on-inputs",
                "--target-modules=q_proj"));
    TrainingOptions recipe =
        options(
            List.of(
                "--model=" + base("llama"),
                "--recipe=math-lora",
                "--learning-rate=1e-3",
                "--num-epochs=2",
                "--lora-alpha=5",
                "--target-modules=q_proj"));
    assertThat(options).isEqualTo(recipe);
    assertThat(options.schedule().learningRate()).isEqualTo(1e-3);
    assertThat(options.loop().numEpochs()).isEqualTo(2);
    assertThat(options.loop().batchSize()).isEqualTo(16);
    assertThat(options.data().trainOnInputs()).isTrue();
  }

  @Test
  void whatARecipeTurnsOnCanBeTurnedOff() throws IOException {
    assertThat(
            options(
                    List.of(
                        "--model=" + base("llama"),
                        "--recipe=math-lora",
                        "--train-on-inputs=false"))
                .data()
                .trainOnInputs())
        .isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--recipe=math-loro | --recipe: there is no \"math-loro\"; did you mean math-lora; recipes:"
            + " math-lora, math-series, math-parallel, math-prefix, commonsense-lora,"
            + " commonsense-series, commonsense-parallel; see them with: llm-adapters train --recipe"
            + " list",
        "--recipe=math-lora --adapter=series | --recipe math-lora is for --adapter lora, got"
            + " --adapter series; leave one of them out",
        "--recipe=math-series | --recipe math-series: LLM-Adapters published nothing for mistral,"
            + " only for bloom, gptj, llama; name the modules with --target-modules",
      })
  void refusesRecipesThatDoNotFit(String flags, String message) throws IOException {
    List<String> arguments = new ArrayList<>(List.of(flags.split(" ", -1)));
    arguments.add("--model=" + base("mistral"));
    assertThatThrownBy(() -> options(arguments))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void anotherFamilyNeedsItsModulesNamed() throws IOException {
    TrainingOptions options =
        options(
            List.of(
                "--model=" + base("mistral"),
                "--recipe=math-series",
                "--target-modules=down_proj"));
    assertThat(options.model().adapter())
        .isEqualTo(
            options(List.of("--model=" + base("llama"), "--recipe=commonsense-series"))
                .model()
                .adapter());
  }
}
