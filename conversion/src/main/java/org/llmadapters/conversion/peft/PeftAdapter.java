package org.llmadapters.conversion.peft;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.NearestName;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.pytorch.PytorchFile;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

/**
 * An adapter directory of PEFT:
 *
 * <pre>
 *   adapter_config.json        peft_type, the kind's options, target_modules, ...
 *   adapter_model.safetensors  one tensor per parameter, called base_model.model. + its name, e.g.
 *                              base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
 *                              base_model.model.model.layers.0.mlp.up_proj.adapter_down.weight
 *                              a weight that is trained whole: ... + its name in the model
 *                              a bias that is trained: ... + its name in the model, or X.base_layer.bias
 *                              for X.bias, as PEFT 0.21 writes it
 *                              or, of virtual tokens, prompt_embeddings as it is
 *                              with enable_lora, as {@link FusedLora} says
 *   adapter_model.bin          the same in PyTorch's format, read where there is no other
 * </pre>
 *
 * <p>Source: github.com/huggingface/peft v0.5.0, {@code src/peft/utils/save_and_load.py}.
 */
public final class PeftAdapter implements AutoCloseable {
  /** The configuration's file name. */
  public static final String CONFIG_FILE = "adapter_config.json";

  /** The tensors' file name. */
  public static final String TENSORS_FILE = "adapter_model.safetensors";

  private static final String PYTORCH_FILE = "adapter_model.bin";

  private static final String PREFIX = "base_model.model.";

  private static final String WRAPPED_BIAS = ".base_layer.bias";

  private static final String WRAPPED_WEIGHT = ".base_layer.weight";

  private final AdapterConfig config;
  private final Optional<String> baseModelNameOrPath;
  private final TensorFile file;
  private final Map<String, TensorInfo> tensors;
  private final Optional<FusedLora> fused;

  private PeftAdapter(
      AdapterConfig config,
      Optional<String> baseModelNameOrPath,
      TensorFile file,
      Map<String, TensorInfo> tensors,
      Optional<FusedLora> fused) {
    this.config = config;
    this.baseModelNameOrPath = baseModelNameOrPath;
    this.file = file;
    this.tensors = tensors;
    this.fused = fused;
  }

  /**
   * Reads the configuration and opens the tensors; the caller closes.
   *
   * @throws FormatException that lists all that cannot be used
   * @throws IOException if reading fails
   */
  public static PeftAdapter read(Path directory) throws IOException {
    Path configFile = directory.resolve(CONFIG_FILE);
    if (!Files.exists(configFile)) {
      throw new FormatException(directory, "has no %s; expected an adapter directory", CONFIG_FILE);
    }
    JsonFields fields = JsonFields.of(configFile, Json.readObject(configFile));
    AdapterConfig config = AdapterConfigJson.read(configFile, fields);
    Optional<FusedLora> fused =
        config.kind() == AdapterKind.LORA ? FusedLora.read(fields) : Optional.empty();
    TensorFile file = openTensors(directory);
    try {
      return new PeftAdapter(
          config,
          fields.optionalString("base_model_name_or_path"),
          file,
          strip(file, fused),
          fused);
    } catch (FormatException e) {
      file.close();
      throw e;
    }
  }

  private static TensorFile openTensors(Path directory) throws IOException {
    if (Files.exists(directory.resolve(TENSORS_FILE))) {
      return SafetensorsFile.open(directory.resolve(TENSORS_FILE));
    }
    if (Files.exists(directory.resolve(PYTORCH_FILE))) {
      return PytorchFile.open(directory.resolve(PYTORCH_FILE));
    }
    throw new FormatException(
        directory,
        "has neither %s nor %s; expected an adapter directory",
        TENSORS_FILE,
        PYTORCH_FILE);
  }

  private static Map<String, TensorInfo> strip(TensorFile file, Optional<FusedLora> fused) {
    Problems problems = new Problems();
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    for (TensorInfo tensor : file.tensors().values()) {
      if (key(tensor.name()).equals(tensor.name()) && tensor.isFloat()) {
        tensors.put(tensor.name(), tensor);
      } else if (!tensor.name().startsWith(PREFIX)) {
        problems.add("%s: expected a name that begins with %s", tensor.name(), PREFIX);
      } else if (!tensor.isFloat()) {
        problems.add("%s: dtype %s, expected F32, BF16, F16 or F64", tensor.name(), tensor.dtype());
      } else {
        String name = parameter(tensor.name().substring(PREFIX.length()));
        TensorInfo other =
            tensors.put(name, fused.isEmpty() ? tensor : fused.get().plain(tensor, problems));
        if (other != null) {
          problems.add("%s: is the same bias as %s", tensor.name(), other.name());
        }
      }
    }
    problems.throwIfAny(
        file.path(), problems.counted("tensor") + " cannot be part of a PEFT adapter", "");
    return Collections.unmodifiableMap(tensors);
  }

  /** The parameter that a tensor is: later versions of PEFT have the layer in a wrapper. */
  private static String parameter(String tensor) {
    return tensor.endsWith(WRAPPED_BIAS)
        ? tensor.substring(0, tensor.length() - WRAPPED_BIAS.length()) + ".bias"
        : tensor;
  }

  /** What we call the parameter called {@code name} in a file. */
  private static String key(String name) {
    return name.equals(AdapterParameter.PROMPT_EMBEDDINGS) ? name : PREFIX + name;
  }

  /** What {@code adapter_config.json} says. */
  public AdapterConfig config() {
    return config;
  }

  /** {@code base_model_name_or_path}: the model it was trained on, if it says. */
  public Optional<String> baseModelNameOrPath() {
    return baseModelNameOrPath;
  }

  /** The tensors by {@link AdapterParameter#name}, in the shapes that {@link #tensor} gives. */
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  /**
   * The values of the parameter called {@code name}, row-major.
   *
   * @param name as {@link AdapterParameter#name}
   * @throws IllegalArgumentException if there is no such tensor
   * @throws IOException if reading fails
   */
  public float[] tensor(String name) throws IOException {
    TensorInfo tensor = tensors.get(name);
    if (tensor == null || fused.isEmpty()) {
      return file.readFloats(tensor == null ? key(name) : tensor.name());
    }
    return fused.get().expanded(tensor, file.readFloats(tensor.name()));
  }

  /**
   * Checks that the tensors are exactly those of {@code expected}, with their shapes.
   *
   * @param model to name in the message, e.g. {@code llama (hidden_size=4096)}
   * @throws FormatException that lists all that do not fit
   */
  public void check(List<AdapterParameter> expected, String model) {
    Problems problems = new Problems();
    Map<String, AdapterParameter> byName = new LinkedHashMap<>();
    for (AdapterParameter parameter : expected) {
      byName.put(parameter.name(), parameter);
      TensorInfo tensor = tensors.get(parameter.name());
      if (tensor == null) {
        problems.add("%s: missing, expected shape %s", parameter.name(), parameter.shape());
      } else if (!tensor.shape().equals(parameter.shape())) {
        problems.add(
            "%s: shape %s, expected %s", parameter.name(), tensor.shape(), parameter.shape());
      }
    }
    for (String name : tensors.keySet()) {
      if (name.endsWith(WRAPPED_WEIGHT)) {
        problems.add(
            "%s: is the base's, which PEFT saves where an embedding is a target; save the adapter"
                + " there with save_embedding_layers=False",
            name);
      } else if (!byName.containsKey(name)) {
        String nearest =
            problems.wantsDetail()
                ? NearestName.of(name, byName.keySet()).map(n -> "; nearest: " + n).orElse("")
                : "";
        problems.add("%s: no such parameter%s", name, nearest);
      }
    }
    problems.throwIfAny(
        file.path(),
        problems.counted("tensor") + " do not fit " + model,
        "List the modules of a model with: llm-adapters inspect --model DIR");
  }

  /**
   * Writes an adapter directory that PEFT 0.5 and later load. Each file appears when it is
   * complete, the configuration last.
   *
   * @param directory made if it does not exist; other files in it are left alone
   * @param baseModelNameOrPath the model it was trained on
   * @param values the values of a parameter, row-major; asked for one at a time
   * @throws IllegalArgumentException if values do not have the size of their parameter
   * @throws IOException if writing fails
   */
  public static void write(
      Path directory,
      AdapterConfig config,
      String baseModelNameOrPath,
      List<AdapterParameter> parameters,
      Function<AdapterParameter, float[]> values)
      throws IOException {
    Files.createDirectories(directory);
    List<AdapterParameter> sorted =
        parameters.stream().sorted(Comparator.comparing(AdapterParameter::name)).toList();
    List<SafetensorsWriter.Entry> entries =
        sorted.stream()
            .map(
                parameter ->
                    new SafetensorsWriter.Entry(
                        key(parameter.name()), WeightDtype.FLOAT32, parameter.shape()))
            .toList();
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            directory.resolve(TENSORS_FILE), entries, SafetensorsWriter.METADATA)) {
      for (AdapterParameter parameter : sorted) {
        writer.write(key(parameter.name()), values.apply(parameter));
      }
      writer.commit();
    }
    Json.write(
        directory.resolve(CONFIG_FILE), AdapterConfigJson.write(config, baseModelNameOrPath));
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
