package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.GenerationConfig;
import org.llmadapters.eval.Generator;

/**
 * Trained models of TinyStories, against the token ids that Hugging Face chooses. Run by name, with
 * {@code -Dllmadapters.shared=DIR -DexcludedGroups= -Dgroups=shared}.
 */
@Tag("shared")
final class RealCheckpointsTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "stories260K, OFF",
    "stories260K, ON",
    "babyllama-tok105, OFF",
    "babyllama-tok105, ON"
  })
  void tellsTheStoryThatHuggingFaceTells(String name, Compile compile) throws IOException {
    Path folder =
        Path.of(Objects.requireNonNull(System.getProperty("llmadapters.shared")))
            .resolve("checkpoints")
            .resolve(name);
    int[] story =
        StreamSupport.stream(
                Json.readObject(folder.resolve("reference.json"))
                    .get("greedy_token_ids")
                    .spliterator(),
                false)
            .mapToInt(id -> id.intValue())
            .toArray();
    assertThat(story).hasSize(201);
    Path model = directory.resolve("model");
    Converter.convert(folder.resolve("hf"), model, false);
    try (Generator generator = Generator.open(BaseModel.open(model), Optional.empty(), compile)) {
      int[] bos = {story[0]};
      int[] told =
          generator.generate(List.of(bos), new GenerationConfig(200, 1), finished -> {}).get(0);
      assertThat(told).containsExactly(Arrays.copyOfRange(story, 1, 201));
    }
  }
}
