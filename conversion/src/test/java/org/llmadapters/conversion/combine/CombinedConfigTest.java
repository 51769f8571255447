package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.conversion.combine.TinyLora.Q;
import static org.llmadapters.conversion.combine.TinyLora.UP;
import static org.llmadapters.conversion.combine.TinyLora.V;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;

/** What the configuration of a combination says. */
final class CombinedConfigTest {
  private static final String Q1 = "model.layers.1.self_attn.q_proj";

  private static final CombinationConfig CAT =
      new CombinationConfig(
          CombinationType.CAT, Optional.empty(), MajoritySign.TOTAL, Optional.empty(), 42);

  @TempDir Path directory;

  private Path write(String name, LoraConfig config, String... modules) throws IOException {
    return TinyLora.random(1, config, modules).write(directory.resolve(name));
  }

  private LoraConfig cat(Path... adapters) throws IOException {
    Path output = directory.resolve("mixed");
    Combiner.combine(
        List.of(adapters).stream().map(adapter -> new WeightedAdapter(adapter, 1)).toList(),
        CAT,
        output,
        true);
    return TinyLora.configOf(output);
  }

  private static LoraConfig config(int r, TargetModules targets) {
    return new LoraConfig(r, 4, 0, targets);
  }

  @Test
  void isWrittenAsPeftReadsIt() throws IOException {
    LoraConfig dropping =
        new LoraConfig(
            2,
            6,
            true,
            0.25,
            TargetModules.of("q_proj", "v_proj"),
            LoraPatterns.NONE,
            LoraVariant.PLAIN);
    cat(write("a", dropping, Q, V), write("b", TinyLora.config(1, 7, "up_proj", "q_proj"), Q, UP));
    assertThat(Files.readString(directory.resolve("mixed/adapter_config.json")))
        .isEqualToIgnoringWhitespace(
            """
            {
              "auto_mapping": null,
              "base_model_name_or_path": "tiny",
              "bias": "none",
              "fan_in_fan_out": false,
              "inference_mode": true,
              "init_lora_weights": true,
              "lora_alpha": 3,
              "lora_dropout": 0.25,
              "modules_to_save": null,
              "peft_type": "LORA",
              "r": 3,
              "revision": null,
              "layers_pattern": null,
              "layers_to_transform": null,
              "target_modules": ["q_proj", "up_proj", "v_proj"],
              "task_type": "CAUSAL_LM",
              "rank_pattern": {"v_proj": 2, "up_proj": 1},
              "alpha_pattern": {"v_proj": 2, "up_proj": 1}
            }
            """);
    assertThat(directory.resolve("mixed").toFile().list())
        .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
  }

  @Test
  void keepsTargetsThatAreTheSame() throws IOException {
    TargetModules targets = new TargetModules.Regex(".*_proj");
    assertThat(cat(write("a", config(1, targets), Q), write("b", config(2, targets), Q)))
        .isEqualTo(new LoraConfig(3, 3, false, 0, targets, LoraPatterns.NONE, LoraVariant.PLAIN));
  }

  /** One of them is for a layer only, so that no name matches its modules and no others. */
  @Test
  void listsPathsWhereTargetsAreChosenInAnotherWay() throws IOException {
    TargetModules first =
        TargetModules.restricted(
            TargetModules.of("q_proj"), List.of(0), List.of(), Optional.empty());
    LoraConfig combined =
        cat(
            write("a", config(2, first), Q),
            write("b", config(2, new TargetModules.Regex(".*\\.(v|up)_proj")), V, UP));
    assertThat(combined.targetModules()).isEqualTo(TargetModules.of(Q, V, UP));
    assertThat(combined.targetModules().matches(Q1)).isFalse();
  }

  @Test
  void listsRanksByPathWhereANameHasSeveral() throws IOException {
    LoraConfig both = cat(write("a", config(1, TargetModules.of(Q, V)), Q, V), one());
    assertThat(both.r()).isEqualTo(3);
    assertThat(both.patterns())
        .isEqualTo(new LoraPatterns(Map.of(Q1, 2, "v_proj", 1), Map.of(Q1, 2.0, "v_proj", 1.0)));
    for (String module : new String[] {Q, Q1, V}) {
      assertThat(both.scalingOf(module)).isEqualTo(1);
    }
    assertThat(List.of(both.rankOf(Q), both.rankOf(Q1), both.rankOf(V))).containsExactly(3, 2, 1);
  }

  private Path one() throws IOException {
    return write("one", config(2, TargetModules.of("q_proj")), Q, Q1);
  }

  @Test
  void namesTheBaseModelOfTheFirst() throws IOException {
    LoraConfig config = TinyLora.config(1, 1, "q_proj");
    Path other = TinyLora.random(1, config, Q).trainedOn("other").write(directory.resolve("other"));
    Path tiny = write("tiny", config, Q);
    cat(other, tiny);
    assertThat(Files.readString(directory.resolve("mixed/adapter_config.json")))
        .contains("\"base_model_name_or_path\" : \"other\"");
  }
}
