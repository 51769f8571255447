package org.llmadapters.conversion.export;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What to export.
 *
 * @param model directory of the base SavedModel
 * @param adapter directory of an adapter for it
 * @param output {@code DIR/NAME}: the model's directory, named as clients will call it
 * @param version the folder in {@code output} that is written; TensorFlow Serving takes the highest
 * @param merge whether the adapter goes into the weights, instead of beside them
 * @param check whether the logits before and after merging are compared, for which the model is
 *     loaded twice, one after the other
 * @param overwrite whether an existing version is replaced
 */
public record ExportConfig(
    Path model,
    Optional<Path> adapter,
    Path output,
    long version,
    boolean merge,
    boolean check,
    boolean overwrite) {

  public ExportConfig {
    output = output.toAbsolutePath().normalize();
    if (output.getFileName() == null) {
      throw new IllegalArgumentException(
          output + ": expected DIR/NAME, where NAME is what clients will call the model");
    }
    if (version < 1) {
      throw new IllegalArgumentException("version must be at least 1, got " + version);
    }
    if (merge && adapter.isEmpty()) {
      throw new IllegalArgumentException("there is nothing to merge: name an adapter");
    }
  }

  /** The model's name: the last part of {@link #output}. */
  public String name() {
    return String.valueOf(output.getFileName());
  }

  /** The directory that is written. */
  public Path directory() {
    return output.resolve(Long.toString(version));
  }
}
