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
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;

/**
 * The weights of a checkpoint directory: {@code model.safetensors}. Tensors are looked up by the
 * names they have in a {@code ...ForCausalLM} checkpoint ({@code model.norm.weight}); a checkpoint
 * of the bare model, which lacks the leading {@code model.}, is read as well.
 */
public final class HfCheckpoint implements AutoCloseable {
  private static final String FILE = "model.safetensors";
  private static final String PREFIX = "model.";

  /** Other files that hold weights, and how to make one that we read. */
  private static final List<Map.Entry<String, String>> OTHERS =
      List.of(
          Map.entry(
              "model.safetensors.index.json", "checkpoints in several files are not supported yet"),
          Map.entry("pytorch_model.bin", "PyTorch's own format is not supported yet"),
          Map.entry("pytorch_model.bin.index.json", "PyTorch's own format is not supported yet"));

  private final SafetensorsFile file;

  private HfCheckpoint(SafetensorsFile file) {
    this.file = file;
  }

  /**
   * Opens the weights in {@code directory}; the caller closes.
   *
   * @throws FormatException if there are none that can be read, with what to do
   * @throws IOException if reading fails
   */
  public static HfCheckpoint open(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      for (Map.Entry<String, String> other : OTHERS) {
        if (Files.exists(directory.resolve(other.getKey()))) {
          throw new FormatException(
              directory,
              "has %s but no %s: %s; re-save it with transformers:"
                  + " AutoModelForCausalLM.from_pretrained(\"%s\")"
                  + ".save_pretrained(\"NEW\", safe_serialization=True, max_shard_size=\"1000GB\")",
              other.getKey(),
              FILE,
              other.getValue(),
              directory);
        }
      }
      throw new FormatException(
          directory, "has no %s; expected a checkpoint of Hugging Face transformers", FILE);
    }
    return new HfCheckpoint(SafetensorsFile.open(file));
  }

  /** The open file. */
  public SafetensorsFile file() {
    return file;
  }

  /** All tensors by the names they have in the file. */
  public Map<String, TensorInfo> tensors() {
    return file.tensors();
  }

  /** The tensor that is called {@code name} in a {@code ...ForCausalLM} checkpoint. */
  public Optional<TensorInfo> find(String name) {
    TensorInfo tensor = tensors().get(name);
    if (tensor == null && name.startsWith(PREFIX)) {
      tensor = tensors().get(name.substring(PREFIX.length()));
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
      if (!SafetensorsFile.isFloat(tensor)) {
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
