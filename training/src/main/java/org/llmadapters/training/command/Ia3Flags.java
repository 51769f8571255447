package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import picocli.CommandLine.Option;

/** The options of IA3, named as in PEFT. */
final class Ia3Flags implements KindFlags {
  @Option(
      names = "--feedforward-modules",
      paramLabel = "MODULES",
      description =
          "Of ia3: those of --target-modules whose input is scaled, not their output (default: the last projection of the MLP).")
  private @Nullable String feedforwardModules;

  @Override
  public boolean isFor(AdapterKind kind, String option) {
    return kind == AdapterKind.IA3;
  }

  /**
   * The configuration that the flags ask for.
   *
   * @param model base SavedModel, whose family has the defaults
   */
  Ia3Config toConfig(Path model, Optional<TargetModules> targets) throws IOException {
    Ia3Config defaults = Ia3Config.defaults(BaseModel.architecture(model));
    return new Ia3Config(
        targets.orElse(defaults.targetModules()),
        feedforwardModules == null
            ? defaults.feedforwardModules()
            : Optional.of(LoraFlags.named(feedforwardModules)));
  }
}
