package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.conversion.BaseModel;
import picocli.CommandLine.Option;

/** The flags of every command that runs a model. */
final class ModelFlags {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "Base SavedModel, made by convert.")
  private Path model = Path.of("");

  @Option(
      names = "--compile",
      defaultValue = "auto",
      description = "Compile generation with XLA: auto, on, off (default ${DEFAULT-VALUE}).")
  private String compile = "";

  BaseModel base() throws IOException {
    return BaseModel.open(model);
  }

  /**
   * How to generate, checked before a model is loaded.
   *
   * @throws IllegalArgumentException if the flags do not go together
   */
  GenerationConfig generation(int maxNewTokens, int batchSize, DecodingFlags decoding) {
    GenerationConfig config = decoding.toConfig(maxNewTokens, batchSize);
    Generator.requireRunnable(config, Compile.of(compile));
    return config;
  }

  Generator generator(BaseModel base, List<AdapterStack> stacks) throws IOException {
    return Generator.open(base, stacks, Compile.of(compile));
  }
}
