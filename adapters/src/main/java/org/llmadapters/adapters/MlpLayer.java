package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.spec.ModuleNames;

/** What a linear layer is to the MLP of a block; families call them by different names. */
enum MlpLayer {
  /** It reads the hidden states: {@code gate} and {@code up}. */
  READS,
  /** It writes them: {@code down}. */
  WRITES,
  /** It is not in an MLP. */
  NONE;

  /** What {@code module}, e.g. {@code model.layers.0.mlp.up_proj}, is in any family. */
  static MlpLayer of(String module) {
    return Arrays.stream(Architecture.values())
        .map(family -> of(module, family.spec().names()))
        .filter(layer -> layer != NONE)
        .findFirst()
        .orElse(NONE);
  }

  private static MlpLayer of(String module, ModuleNames names) {
    ModuleNames.Mlp mlp = names.mlp();
    if (isAt(module, names, mlp.down())) {
      return WRITES;
    }
    return Stream.of(mlp.gate(), mlp.up())
            .filter(Objects::nonNull)
            .anyMatch(name -> isAt(module, names, name))
        ? READS
        : NONE;
  }

  private static boolean isAt(String module, ModuleNames names, String projection) {
    String mlp = names.block().mlp();
    String path = mlp.isEmpty() ? projection : mlp + "." + projection;
    return Pattern.matches(
        Pattern.quote(names.model().layers()) + "\\.\\d+\\." + Pattern.quote(path), module);
  }
}
