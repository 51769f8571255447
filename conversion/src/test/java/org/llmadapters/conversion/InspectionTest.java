package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Inspection.Target;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;
import picocli.CommandLine;

final class InspectionTest {
  @TempDir Path directory;

  @Test
  void countsParametersAndTargetsOfACheckpoint() throws IOException {
    Inspection inspection = Inspection.of(Golden.path("llama-gqa/base"), null);
    assertThat(inspection.kind()).isEqualTo(DirectoryKind.CHECKPOINT);
    assertThat(inspection.format().dtype()).isEqualTo(WeightDtype.FLOAT32);
    assertThat(inspection.groups())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "model.embed_tokens", 97L * 32,
                "model.layers.*.input_layernorm", 3L * 32,
                "model.layers.*.self_attn", 3L * (2 * 32 * 32 + 2 * 16 * 32),
                "model.layers.*.post_attention_layernorm", 3L * 32,
                "model.layers.*.mlp", 3L * 3 * 32 * 48,
                "model.norm", 32L));
    assertThat(inspection.parameters()).isEqualTo(26_368);
    assertThat(inspection.targets())
        .containsExactlyInAnyOrder(
            new Target("embed_tokens", 97, 32, 1, true),
            new Target("q_proj", 32, 32, 3, false),
            new Target("k_proj", 32, 16, 3, false),
            new Target("v_proj", 32, 16, 3, false),
            new Target("o_proj", 32, 32, 3, false),
            new Target("gate_proj", 32, 48, 3, false),
            new Target("up_proj", 32, 48, 3, false),
            new Target("down_proj", 48, 32, 3, false),
            new Target("lm_head", 32, 97, 1, false));
    assertThat(inspection.tokenizer()).isEmpty();
    assertThat(inspection.adapter()).isEmpty();
  }

  @Test
  void seesTheSameInABaseModelAsInItsCheckpoint() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path model = directory.resolve("model");
    Converter.convert(checkpoint, model, WeightDtype.BFLOAT16, false);
    Inspection inspection = Inspection.of(model, Golden.path("llama/adapters/lora"));
    assertThat(inspection.kind()).isEqualTo(DirectoryKind.BASE_MODEL);
    assertThat(inspection.format().dtype()).isEqualTo(WeightDtype.BFLOAT16);
    Inspection source = Inspection.of(checkpoint, null);
    assertThat(inspection.groups()).isEqualTo(source.groups());
    assertThat(inspection.targets()).containsExactlyInAnyOrderElementsOf(source.targets());
    assertThat(inspection.config()).isEqualTo(source.config());
  }

  @Test
  void printsTheModelItsTargetsAndTheAdapter() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path adapter = Golden.path("llama/adapters/lora");
    StringWriter out = new StringWriter();
    int code =
        new CommandLine(new InspectCommand())
            .setOut(new PrintWriter(out))
            .execute("--model", checkpoint.toString(), "--adapter", adapter.toString());
    assertThat(code).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            model                                      %s (a Hugging Face checkpoint)
            model_type                                 llama
            dtype                                      float32
            vocab_size                                 97
            hidden_size                                32
            intermediate_size                          48
            num_hidden_layers                          2
            num_attention_heads                        4
            num_key_value_heads                        4
            head_dim                                   8
            max_position_embeddings                    64
            tie_word_embeddings                        false
            tokenizer                                  none
            parameters                                 23776
              model.embed_tokens                       3104
              model.layers.*.input_layernorm           64
              model.layers.*.self_attn                 8192
              model.layers.*.post_attention_layernorm  64
              model.layers.*.mlp                       9216
              model.norm                               32
              lm_head                                  3104

            names for --target-modules (or a regular expression for the whole path):
              embed_tokens         97 ->     32  x 1  (embedding, for lora alone)
              q_proj               32 ->     32  x 2
              k_proj               32 ->     32  x 2
              v_proj               32 ->     32  x 2
              o_proj               32 ->     32  x 2
              gate_proj            32 ->     48  x 2
              up_proj              32 ->     48  x 2
              down_proj            48 ->     32  x 2
              lm_head              32 ->     97  x 1

            adapter                                    %s (fits the model)
            kind                                       lora
            r                                          4
            lora_alpha                                 8.0
            lora_dropout                               0.0
            target_modules                             q_proj, v_proj
            adapted modules                            4
            trainable parameters                       1024, 4.1290 %% of all
            """
                .formatted(checkpoint, adapter));
  }

  @Test
  void anAdapterForNoModuleIsNamedWithItsFile() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path adapter = Files.createDirectory(directory.resolve("adapter"));
    Path golden = Golden.path("llama/adapters/lora");
    Files.copy(
        golden.resolve("adapter_model.safetensors"), adapter.resolve("adapter_model.safetensors"));
    Files.writeString(
        adapter.resolve("adapter_config.json"),
        Files.readString(golden.resolve("adapter_config.json")).replace("v_proj", "query_key"));
    assertThatThrownBy(() -> Inspection.of(checkpoint, adapter))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            adapter.resolve("adapter_config.json")
                + ": target_modules: nothing in the model matches query_key; its modules are"
                + " down_proj, embed_tokens, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj. List"
                + " them with: llm-adapters inspect --model DIR");
  }

  @Test
  void aDirectoryThatIsNoModelIsNamed() throws IOException {
    assertThatThrownBy(() -> Inspection.of(directory, null))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory
                + ": has no saved_model.pb, expected a base SavedModel; make one with: llm-adapters"
                + " convert --checkpoint DIR --output MODEL");
    Path adapter = Golden.path("llama/adapters/lora");
    assertThatThrownBy(() -> Inspection.of(adapter, null))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            adapter
                + ": is an adapter, expected a base SavedModel; give it as --adapter "
                + adapter
                + " beside the --model it was trained on");
    assertThatThrownBy(() -> Inspection.of(directory.resolve("nowhere"), null))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("nowhere")
                + ": no such directory, expected the directory of a base SavedModel");
  }
}
