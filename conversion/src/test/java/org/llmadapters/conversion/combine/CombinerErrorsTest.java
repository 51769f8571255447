package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.conversion.combine.TinyLora.Q;
import static org.llmadapters.conversion.combine.TinyLora.UP;
import static org.llmadapters.conversion.combine.TinyLora.V;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.spec.Activation;

/** What cannot be combined, in full, and that nothing is left behind. */
final class CombinerErrorsTest {
  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out/mixed");
  }

  @AfterEach
  void nothingIsLeftBehind() {
    assertThat(directory.resolve("out")).doesNotExist();
  }

  private static CombinationConfig config(String type) {
    return new CombinationConfig(
        CombinationType.of(type),
        type.matches("linear|cat|svd") ? Optional.empty() : Optional.of(0.5),
        MajoritySign.TOTAL,
        Optional.empty(),
        42);
  }

  private void combine(String type, Path... adapters) throws IOException {
    Combiner.combine(
        List.of(adapters).stream().map(adapter -> new WeightedAdapter(adapter, 1)).toList(),
        config(type),
        output(),
        false);
  }

  private Path path(String name) {
    return directory.resolve(name);
  }

  @Test
  void listsAllThatDoesNotFit() throws IOException {
    Path math = TinyLora.random(1, TinyLora.config(2, 6, "q_proj"), Q).write(path("math"));
    Path code =
        TinyLora.random(2, TinyLora.config(3, 6, "q_proj", "v_proj"), Q, V).write(path("code"));
    Path larger =
        TinyLora.random(3, TinyLora.config(2, 6, "q_proj"))
            .with(Q + ".lora_A.weight", new float[12], 2, 6)
            .with(Q + ".lora_B.weight", new float[8], 4, 2)
            .write(path("larger"));
    Path dora =
        TinyLora.random(
                4,
                new LoraConfig(
                    2,
                    2,
                    false,
                    0,
                    TargetModules.of("q_proj"),
                    LoraPatterns.NONE,
                    LoraVariant.DORA),
                Q)
            .with(Q + ".lora_magnitude_vector", new float[4], 4)
            .write(path("dora"));
    Path biased =
        TinyLora.random(
                5,
                new LoraConfig(
                    2,
                    2,
                    false,
                    0,
                    TargetModules.of("q_proj"),
                    LoraPatterns.NONE,
                    new LoraVariant(false, LoraInit.DEFAULT, TrainedBias.ADAPTED)),
                Q)
            .with(Q + ".bias", new float[4], 4)
            .write(path("biased"));
    Path whole =
        TinyLora.random(
                6,
                new LoraConfig(
                    2,
                    2,
                    false,
                    0,
                    TargetModules.of("q_proj"),
                    LoraPatterns.NONE,
                    new LoraVariant(false, LoraInit.DEFAULT, TrainedBias.NONE, List.of("lm_head"))),
                Q)
            .with("lm_head.weight", new float[4], 2, 2)
            .write(path("whole"));
    Path parallel = path("parallel");
    PeftAdapter.write(
        parallel,
        new BottleneckConfig(
            2,
            Activation.RELU,
            0,
            OptionalDouble.of(1),
            new BottleneckVariant(BottleneckConfig.InitWeights.BERT, TrainedBias.NONE),
            BottleneckConfig.Placement.PARALLEL,
            TargetModules.of("q_proj")),
        "tiny",
        List.of(),
        parameter -> new float[0]);
    assertThatThrownBy(() -> combine("ties", math, code, larger, dora, biased, whole, parallel))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            """
            %1$s: cannot be combined with %2$s, %3$s, %4$s, %5$s, %6$s, %7$s by ties: 6 problems
              %4$s: is a DoRA (use_dora), whose magnitudes cannot be added; only plain LoRAs can be combined
              %5$s: trains the model's biases (bias lora_only), which cannot be added; only plain LoRAs can be combined
              %6$s: trains whole modules (modules_to_save [lm_head]), which cannot be added; only plain LoRAs can be combined
              %7$s: is an adapter of the kind parallel; only LoRAs can be combined
              %2$s: model.layers.0.self_attn.q_proj has rank 3, but 2 in %1$s; unequal ranks need cat or one of the svd types
              %3$s: model.layers.0.self_attn.q_proj is a layer of [out, in] = [4, 6], but [4, 5] in %1$s"""
                .formatted(math, code, larger, dora, biased, whole, parallel));
  }

  @Test
  void listsWhatIsNoLora() throws IOException {
    Path odd =
        TinyLora.random(1, TinyLora.config(2, 6, "q_proj", "v_proj"), Q, V, UP)
            .without(Q + ".lora_B.weight")
            .with(V + ".lora_A.weight", new float[5], 1, 5)
            .with("model.embed_tokens.lora_embedding_A", new float[2], 2, 1)
            .write(path("odd"));
    Path empty = TinyLora.random(1, TinyLora.config(2, 6, "q_proj")).write(path("empty"));
    assertThatThrownBy(() -> combine("cat", odd, empty))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            """
            %1$s: cannot be combined with %2$s by cat: 5 problems
              %1$s: model.embed_tokens.lora_embedding_A: expected a name that ends in .lora_A.weight or .lora_B.weight
              %1$s: model.layers.0.self_attn.q_proj.lora_B.weight: missing
              %1$s: model.layers.0.self_attn.v_proj: lora_A [1, 5] and lora_B [3, 2], expected [2, in] and [out, 2]
              %1$s: model.layers.1.mlp.up_proj: is not among target_modules
              %2$s: has no tensors"""
                .formatted(odd, empty));
  }

  @Test
  void aSingleAdapterMustBeALora() throws IOException {
    Path empty = TinyLora.random(1, TinyLora.config(2, 6, "q_proj")).write(path("empty"));
    assertThatThrownBy(() -> combine("linear", empty))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            "%1$s: cannot be combined by linear: 1 problem\n  %1$s: has no tensors"
                .formatted(empty));
  }

  @Test
  void ranksMayNotAddUpToMoreThanAConfigurationHolds() throws IOException {
    int r = 40_000;
    Path wide =
        TinyLora.random(1, TinyLora.config(r, 6, "q_proj"))
            .with(Q + ".lora_A.weight", new float[r], r, 1)
            .with(Q + ".lora_B.weight", new float[r], 1, r)
            .write(path("wide"));
    assertThatThrownBy(() -> combine("cat", wide, wide))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            wide
                + ": cannot be combined with "
                + wide
                + " by cat: 1 problem\n  "
                + Q
                + ": the ranks add up to 80000, more than 65536");
  }

  @Test
  void aLayerMayNotBeLargerThanAnArray() throws IOException {
    int size = 40_000;
    Path wide =
        TinyLora.random(1, TinyLora.config(1, 6, "q_proj"))
            .with(Q + ".lora_A.weight", new float[size], 1, size)
            .with(Q + ".lora_B.weight", new float[size], size, 1)
            .write(path("wide"));
    assertThatThrownBy(() -> combine("ties_svd", wide))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            wide
                + ": cannot be combined by ties_svd: 1 problem\n  "
                + Q
                + ": a layer of [out, in] = [40000, 40000] is too large for ties_svd at rank 1");
  }

  @Test
  void refusesValuesThatAreNoNumbers() throws IOException {
    Path broken =
        TinyLora.random(1, TinyLora.config(2, 6, "q_proj"), Q)
            .with(Q + ".lora_B.weight", new float[] {1, 2, 3, Float.NaN, 5, 6, 7, 8}, 4, 2)
            .write(path("broken"));
    assertThatThrownBy(
            () ->
                Combiner.combine(
                    List.of(new WeightedAdapter(broken, 1)),
                    config("linear"),
                    path("mixed"),
                    false))
        .isInstanceOf(FormatException.class)
        .hasMessage(broken + ": " + Q + ".lora_B.weight: has the value NaN");
    assertThat(directory.toFile().list()).containsExactly("broken");
  }

  @Test
  void needsAnAdapter() {
    assertThatThrownBy(() -> combine("linear"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no adapters to combine; name at least one");
  }

  @Test
  void needsAdapterDirectories() throws IOException {
    Files.createFile(path("file"));
    assertThatThrownBy(() -> combine("linear", path("nowhere")))
        .isInstanceOf(FormatException.class)
        .hasMessage(path("nowhere") + ": no such directory, expected the directory of an adapter");
    assertThatThrownBy(() -> combine("linear", path("file")))
        .isInstanceOf(FormatException.class)
        .hasMessage(path("file") + ": is a file, expected the directory of an adapter");
  }

  @Test
  void keepsWhatIsThereUnlessAskedToOverwrite() throws IOException {
    Path math = TinyLora.random(1, TinyLora.config(2, 6, "q_proj"), Q).write(path("math"));
    Path full = Files.createDirectory(path("full"));
    Files.writeString(full.resolve("notes.txt"), "precious");
    List<WeightedAdapter> adapters = List.of(new WeightedAdapter(math, 1));
    assertThatThrownBy(() -> Combiner.combine(adapters, config("linear"), full, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            full + ": exists and is not empty; name another directory, or ask to overwrite it");
    assertThatThrownBy(() -> Combiner.combine(adapters, config("linear"), math, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(math + ": holds the input " + math + "; write to another directory");
    assertThat(full.toFile().list()).containsExactly("notes.txt");
    Combiner.combine(adapters, config("linear"), full, true);
    assertThat(full.toFile().list())
        .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
    assertThat(directory.toFile().list()).containsExactlyInAnyOrder("math", "full");
  }
}
