package org.llmadapters.conversion.hf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.pytorch.PytorchFile;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;

/**
 * The weights of a checkpoint directory, in the first of these files that is there, as in Hugging
 * Face transformers:
 *
 * <pre>
 *   model.safetensors
 *   model.safetensors.index.json    which names several such files
 *   pytorch_model.bin
 *   pytorch_model.bin.index.json    which names several such files
 * </pre>
 *
 * <p>Tensors are looked up by the names they have in a {@code ...ForCausalLM} checkpoint ({@code
 * model.norm.weight}); a checkpoint of the bare model, whose names lack the first part ({@code
 * norm.weight}), is read as well.
 */
public final class HfCheckpoint implements AutoCloseable {
  static final String SAFETENSORS = "model.safetensors";
  static final String SAFETENSORS_INDEX = "model.safetensors.index.json";
  private static final String PYTORCH = "pytorch_model.bin";
  private static final String PYTORCH_INDEX = "pytorch_model.bin.index.json";

  private final TensorFile file;

  private HfCheckpoint(TensorFile file) {
    this.file = file;
  }

  /**
   * Opens the weights in {@code directory}; the caller closes.
   *
   * @throws FormatException if there are none that can be read, with what to do
   * @throws IOException if reading fails
   */
  public static HfCheckpoint open(Path directory) throws IOException {
    String name =
        Stream.of(SAFETENSORS, SAFETENSORS_INDEX, PYTORCH, PYTORCH_INDEX)
            .filter(candidate -> Files.exists(directory.resolve(candidate)))
            .findFirst()
            .orElseThrow(
                () ->
                    new FormatException(
                        directory,
                        "has none of %s, %s, %s and %s; expected a checkpoint of Hugging Face"
                            + " transformers",
                        SAFETENSORS,
                        SAFETENSORS_INDEX,
                        PYTORCH,
                        PYTORCH_INDEX));
    Path file = directory.resolve(name);
    return new HfCheckpoint(
        switch (name) {
          case SAFETENSORS -> SafetensorsFile.open(file);
          case SAFETENSORS_INDEX -> ShardedTensors.open(file, SafetensorsFile::open);
          case PYTORCH -> PytorchFile.open(file);
          default -> ShardedTensors.open(file, PytorchFile::open);
        });
  }

  /** The open file, or the set of them. */
  public TensorFile file() {
    return file;
  }

  /** All tensors by the names they have in the file. */
  public Map<String, TensorInfo> tensors() {
    return file.tensors();
  }

  /** The tensor that is called {@code name} in a {@code ...ForCausalLM} checkpoint. */
  public Optional<TensorInfo> find(String name) {
    TensorInfo tensor = tensors().get(name);
    if (tensor == null) {
      tensor = tensors().get(name.substring(name.indexOf('.') + 1));
    }
    return Optional.ofNullable(tensor);
  }

  /**
   * Checks that every tensor of {@code expected} is there, with its shape and a floating-point
   * dtype (which need not be the expected one), and that nothing else is.
   *
   * @param droppable tensors may also be there whose names are one of these or end in one after a
   *     dot: {@code rotary_emb.inv_freq}, or {@code lm_head.weight} where embeddings are tied
   * @return the names of the droppable ones that are there
   * @throws FormatException that lists all that do not fit
   */
  public List<String> check(List<Weight> expected, Set<String> droppable) {
    Problems problems = new Problems();
    Set<String> used = new HashSet<>();
    for (Weight weight : expected) {
      Optional<TensorInfo> found = find(weight.name());
      if (found.isEmpty()) {
        problems.add("%s: missing, expected shape %s", weight.name(), weight.shape());
        continue;
      }
      TensorInfo tensor = found.get();
      used.add(tensor.name());
      if (!tensor.shape().equals(weight.shape())) {
        problems.add("%s: shape %s, expected %s", tensor.name(), tensor.shape(), weight.shape());
      }
      if (!tensor.isFloat()) {
        problems.add("%s: dtype %s, expected F32, BF16, F16 or F64", tensor.name(), tensor.dtype());
      }
    }
    List<String> dropped = new ArrayList<>();
    for (TensorInfo tensor : tensors().values()) {
      if (used.contains(tensor.name())) {
        continue;
      }
      if (isDroppable(tensor.name(), droppable)) {
        dropped.add(tensor.name());
      } else {
        problems.add("%s: not part of this model, shape %s", tensor.name(), tensor.shape());
      }
    }
    problems.throwIfAny(
        file.path(),
        problems.counted("problem") + ": the tensors do not fit " + HfConfig.FILE,
        "Check that " + HfConfig.FILE + " belongs to this checkpoint.");
    return dropped;
  }

  private static boolean isDroppable(String name, Set<String> droppable) {
    return droppable.stream().anyMatch(end -> name.equals(end) || name.endsWith("." + end));
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
