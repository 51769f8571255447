package org.llmadapters.conversion.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

/** LLM-Adapters' LoRA on parts of a fused layer, read as plain LoRA. */
final class FusedLoraTest {
  private static final String MODULE = "transformer.h.0.attn.c_attn.";

  @TempDir Path directory;

  private void write(String config, List<Long> shapeOfB, float... valuesOfB) throws IOException {
    Files.writeString(
        directory.resolve("adapter_config.json"),
        "{\"peft_type\":\"LORA\",\"target_modules\":[\"c_attn\"]," + config + "}");
    String prefix = "base_model.model." + MODULE;
    SafetensorsWriter.Entry a =
        new SafetensorsWriter.Entry(prefix + "lora_A.weight", WeightDtype.FLOAT32, List.of(4L, 1L));
    SafetensorsWriter.Entry b =
        new SafetensorsWriter.Entry(prefix + "lora_B.weight", WeightDtype.FLOAT32, shapeOfB);
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            directory.resolve("adapter_model.safetensors"),
            List.of(a, b),
            SafetensorsWriter.METADATA)) {
      writer.write(a.name(), new float[] {10, 20, 30, 40});
      writer.write(b.name(), valuesOfB);
      writer.commit();
    }
  }

  private static AdapterParameter parameter(String name, long rows, long columns) {
    return new AdapterParameter(MODULE + name, List.of(rows, columns), new Initializer.Zeros());
  }

  /** Two of three parts of 2 rows, each of rank 2. */
  @Test
  void placesEachPartInItsRowsAndColumns() throws IOException {
    write(
        "\"r\":2,\"lora_alpha\":5,\"enable_lora\":[true,false,true]",
        List.of(4L, 2L, 1L),
        new float[] {1, 2, 3, 4, 5, 6, 7, 8});
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      LoraConfig config = new LoraConfig(4, 10, 0, TargetModules.of("c_attn"));
      assertThat(adapter.config()).isEqualTo(config);
      assertThat(config.scalingOf("c_attn")).isEqualTo(5 / 2.0);
      adapter.check(
          List.of(parameter("lora_A.weight", 4, 1), parameter("lora_B.weight", 6, 4)), "gpt2");
      assertThat(adapter.tensor(MODULE + "lora_A.weight")).containsExactly(10, 20, 30, 40);
      assertThat(adapter.tensor(MODULE + "lora_B.weight"))
          .containsExactly(1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 0, 0, 7, 8);
    }
  }

  @Test
  void comparesTheShapeOfTheWholeMatrix() throws IOException {
    write(
        "\"r\":2,\"enable_lora\":[true,false,true]",
        List.of(4L, 2L, 1L),
        new float[] {1, 2, 3, 4, 5, 6, 7, 8});
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      List<AdapterParameter> other =
          List.of(parameter("lora_A.weight", 4, 1), parameter("lora_B.weight", 9, 4));
      assertThatThrownBy(() -> adapter.check(other, "gpt2"))
          .isInstanceOf(FormatException.class)
          .hasMessage(
              directory.resolve("adapter_model.safetensors")
                  + ": 1 tensor do not fit gpt2\n  "
                  + MODULE
                  + "lora_B.weight: shape [6, 4], expected [9, 4]\n"
                  + "List the modules of a model with: llm-adapters inspect --model DIR");
    }
  }

  @Test
  void refusesShapesThatDoNotDivide() throws IOException {
    for (List<Long> shape : List.of(List.of(3L, 2L, 1L), List.of(3L, 1L, 2L), List.of(2L, 3L))) {
      write("\"r\":2,\"enable_lora\":[true,false,true]", shape, new float[6]);
      assertThatThrownBy(() -> PeftAdapter.read(directory))
          .isInstanceOf(FormatException.class)
          .hasMessage(
              directory.resolve("adapter_model.safetensors")
                  + ": 1 tensor cannot be part of a PEFT adapter\n  base_model.model."
                  + MODULE
                  + "lora_B.weight: shape "
                  + shape
                  + ", expected [2 out / 3, r, 1] of 2 among 3 parts (enable_lora)");
    }
  }

  @Test
  void refusesARankThatIsTooLargeForAllParts() throws IOException {
    write("\"r\":40000,\"enable_lora\":[true,true]", List.of(4L, 2L, 1L), new float[8]);
    assertThatThrownBy(() -> PeftAdapter.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessageEndingWith("r must be between 1 and 65536, got 80000");
  }
}
