package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.compile.SessionOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags of every command that runs a model. */
final class ModelFlags {
  private static final Logger log = LoggerFactory.getLogger(ModelFlags.class);

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "Base SavedModel, made by convert.")
  private Path model = Path.of("");

  @Option(
      names = "--compile",
      defaultValue = "auto",
      description =
          "Compile with XLA: auto (on a GPU; beam search never is), on, off (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Mixin private DeviceFlags device = new DeviceFlags();

  BaseModel base() throws IOException {
    return BaseModel.open(model);
  }

  /**
   * What the model computes on, and how, checked before it is loaded.
   *
   * @throws IllegalArgumentException if the device is not there
   */
  Running running() throws IOException {
    return new Running(Compile.of(compile), device.session());
  }

  /**
   * How a model is run.
   *
   * @param compile whether XLA compiles
   * @param session what it computes on
   */
  record Running(Compile compile, SessionOptions session) {
    /**
     * Checks that tokens can be chosen so.
     *
     * @throws IllegalArgumentException if they cannot
     */
    void requireRunnable(GenerationConfig config) {
      Generator.requireRunnable(config, compile);
      if (config.beams().numBeams() > 1 && compile.compiles(session.device())) {
        log.info("beam search is not compiled by XLA: its operations run one by one");
      }
    }

    /** Loads a model that generates; caller closes. */
    Generator generator(BaseModel base, List<AdapterStack> stacks) throws IOException {
      return Generator.open(base, stacks, compile, session);
    }

    /** Loads a model that scores; caller closes. */
    TokenScorer scorer(BaseModel base, List<AdapterStack> stacks) throws IOException {
      return TokenScorer.open(base, stacks, compile, session);
    }
  }
}
