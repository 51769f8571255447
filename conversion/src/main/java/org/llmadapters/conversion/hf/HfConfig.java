package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code config.json} of a checkpoint directory, in the spellings of transformers 4 and 5, with the
 * defaults of its {@code LlamaConfig}.
 *
 * @param model what it says about the model
 * @param storedDtype {@code torch_dtype} or {@code dtype}: what the weights are stored as, float32
 *     if it does not say
 * @param raw the whole file
 */
public record HfConfig(ModelConfig model, WeightDtype storedDtype, ObjectNode raw) {
  /** The file's name in a checkpoint directory. */
  public static final String FILE = "config.json";

  private static final Logger LOG = LoggerFactory.getLogger(HfConfig.class);

  /** {@code model_type} of the supported families, with the class of transformers that they are. */
  private static final Map<String, String> ARCHITECTURES = Map.of("llama", "LlamaForCausalLM");

  private static final Set<String> READ =
      Set.of(
          "model_type",
          "vocab_size",
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "max_position_embeddings",
          "num_attention_heads",
          "num_key_value_heads",
          "head_dim",
          "attention_bias",
          "attention_dropout",
          "hidden_act",
          "rms_norm_eps",
          "rope_theta",
          "rope_scaling",
          "rope_parameters",
          "partial_rotary_factor",
          "tie_word_embeddings",
          "bos_token_id",
          "eos_token_id",
          "pad_token_id",
          "torch_dtype",
          "dtype");

  /** Keys that would change the computation unless they are absent, null, false or empty. */
  private static final Map<String, String> UNSUPPORTED =
      Map.of(
          "mlp_bias", "biases in the MLP are not supported",
          "quantization_config", "quantized checkpoints are not supported: convert the original",
          "is_encoder_decoder", "only decoders are supported",
          "add_cross_attention", "only decoders are supported",
          "cross_attention_hidden_size", "only decoders are supported",
          "pruned_heads", "pruned heads are not supported");

  /** Keys without effect on the logits, and why. */
  private static final Map<String, String> IGNORED =
      Map.ofEntries(
          Map.entry("architectures", "the tensors' names tell"),
          Map.entry("_name_or_path", "where it came from"),
          Map.entry("transformers_version", "what wrote it"),
          Map.entry("initializer_range", "only for training from nothing"),
          Map.entry("use_cache", "how transformers generates"),
          Map.entry("pretraining_tp", "splits matrix products; the sums are the same"),
          Map.entry("is_decoder", "it is one"),
          Map.entry("gradient_checkpointing", "how transformers trains"),
          Map.entry("chunk_size_feed_forward", "the same sums in pieces"),
          Map.entry("use_bfloat16", "unused by transformers"),
          Map.entry("torchscript", "how transformers runs"),
          Map.entry("return_dict", "what transformers returns"),
          Map.entry("output_attentions", "what transformers returns"),
          Map.entry("output_hidden_states", "what transformers returns"),
          Map.entry("problem_type", "for classifiers"),
          Map.entry("id2label", "for classifiers"),
          Map.entry("label2id", "for classifiers"),
          Map.entry("tokenizer_class", "the tokenizer's own files tell"));

  private static final KnownKeys KEYS = new KnownKeys(READ, UNSUPPORTED, IGNORED);

  /**
   * Reads {@code directory/config.json}. Keys that are not known are warned about.
   *
   * @throws FormatException that lists all values that cannot be used
   * @throws IOException if reading fails
   */
  public static HfConfig read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    ObjectNode raw = Json.readObject(file);
    JsonFields fields = JsonFields.of(file, raw);
    String modelType = fields.requireString("model_type");
    if (!ARCHITECTURES.containsKey(modelType)) {
      fields.throwIfAny();
      throw new FormatException(
          file,
          "model_type \"%s\" is not supported; supported: %s",
          modelType,
          String.join(", ", ARCHITECTURES.keySet()));
    }
    List<String> unknown = new ArrayList<>(KEYS.unknown(fields));
    checkUnsupported(fields);
    double rmsNormEps = fields.doubleOr("rms_norm_eps", 1e-6);
    boolean tied = fields.booleanOr("tie_word_embeddings", false);
    Supplier<Sizes> sizes = sizes(fields);
    Supplier<AttentionConfig> attention = attention(fields);
    Supplier<RopeConfig> rope = RopeFields.read(fields, unknown);
    TokenIds tokenIds = tokenIds(fields);
    Supplier<WeightDtype> dtype = dtype(fields);
    fields.throwIfAny();

    Optional<Sizes> builtSizes = fields.attempt(sizes);
    Optional<AttentionConfig> builtAttention = fields.attempt(attention);
    Optional<RopeConfig> builtRope = fields.attempt(rope);
    Optional<WeightDtype> builtDtype = fields.attempt(dtype);
    ModelConfig model =
        fields.build(
            () ->
                new ModelConfig(
                    modelType,
                    builtSizes.orElseThrow(),
                    builtAttention.orElseThrow(),
                    builtRope.orElseThrow(),
                    rmsNormEps,
                    tied,
                    tokenIds));
    report(file, fields, unknown);
    return new HfConfig(model, builtDtype.orElseThrow(), raw);
  }

  private static void checkUnsupported(JsonFields fields) {
    KEYS.refuseUnsupported(fields);
    String activation = fields.optionalString("hidden_act").orElse("silu");
    if (!activation.equals("silu") && !activation.equals("swish")) {
      fields.problem("hidden_act must be \"silu\", got \"%s\"", activation);
    }
    if (fields.doubleOr("partial_rotary_factor", 1) != 1) {
      fields.problem("partial_rotary_factor must be 1, others are not supported");
    }
  }

  private static Supplier<Sizes> sizes(JsonFields fields) {
    int vocabSize = fields.requireInt("vocab_size");
    int hiddenSize = fields.requireInt("hidden_size");
    int intermediateSize = fields.requireInt("intermediate_size");
    int numHiddenLayers = fields.requireInt("num_hidden_layers");
    int maxPositionEmbeddings = fields.intOr("max_position_embeddings", 2048);
    return () ->
        new Sizes(vocabSize, hiddenSize, intermediateSize, numHiddenLayers, maxPositionEmbeddings);
  }

  private static Supplier<AttentionConfig> attention(JsonFields fields) {
    int hiddenSize = fields.intOr("hidden_size", 0);
    int heads = fields.requireInt("num_attention_heads");
    int keyValueHeads = fields.intOr("num_key_value_heads", heads);
    boolean bias = fields.booleanOr("attention_bias", false);
    OptionalInt headDim = fields.optionalInt("head_dim");
    if (headDim.isEmpty() && heads > 0 && hiddenSize % heads != 0) {
      fields.problem(
          "hidden_size (%d) must be a multiple of num_attention_heads (%d) where head_dim is not"
              + " given",
          hiddenSize, heads);
    }
    return () ->
        new AttentionConfig(
            heads, keyValueHeads, headDim.orElse(heads > 0 ? hiddenSize / heads : 0), bias);
  }

  private static TokenIds tokenIds(JsonFields fields) {
    OptionalInt bos =
        fields.isWritten("bos_token_id") ? fields.optionalInt("bos_token_id") : OptionalInt.of(1);
    List<Integer> eos = fields.isWritten("eos_token_id") ? fields.ints("eos_token_id") : List.of(2);
    OptionalInt pad = fields.optionalInt("pad_token_id");
    // -1 stands for none, as in the first published LLaMA checkpoints.
    return new TokenIds(bos, eos, pad.equals(OptionalInt.of(-1)) ? OptionalInt.empty() : pad);
  }

  private static Supplier<WeightDtype> dtype(JsonFields fields) {
    Optional<String> old = fields.optionalString("torch_dtype");
    String name = fields.optionalString("dtype").or(() -> old).orElse("float32");
    old.filter(other -> !other.equals(name))
        .ifPresent(
            other -> fields.problem("dtype (%s) and torch_dtype (%s) must agree", name, other));
    return () -> WeightDtype.of(name);
  }

  private static void report(Path file, JsonFields fields, List<String> unknown) {
    KEYS.log(file, fields, unknown);
    double dropout = fields.doubleOr("attention_dropout", 0);
    if (dropout != 0) {
      LOG.warn("{}: attention_dropout {} has no effect: the base is not trained", file, dropout);
    }
  }

  /** The {@code config.json} of a model, in both spellings, so that old and new readers take it. */
  public static ObjectNode toJson(ModelConfig model, WeightDtype storedDtype) {
    ObjectNode json = Json.object();
    Optional.ofNullable(ARCHITECTURES.get(model.modelType()))
        .ifPresent(json.putArray("architectures")::add);
    json.put("model_type", model.modelType());
    Sizes sizes = model.sizes();
    json.put("vocab_size", sizes.vocabSize());
    json.put("hidden_size", sizes.hiddenSize());
    json.put("intermediate_size", sizes.intermediateSize());
    json.put("num_hidden_layers", sizes.numHiddenLayers());
    json.put("max_position_embeddings", sizes.maxPositionEmbeddings());
    AttentionConfig attention = model.attention();
    json.put("num_attention_heads", attention.numAttentionHeads());
    json.put("num_key_value_heads", attention.numKeyValueHeads());
    json.put("head_dim", attention.headDim());
    json.put("attention_bias", attention.attentionBias());
    json.put("attention_dropout", 0.0);
    json.put("mlp_bias", false);
    json.put("hidden_act", "silu");
    json.put("rms_norm_eps", model.rmsNormEps());
    RopeFields.write(model.rope(), json);
    json.put("tie_word_embeddings", model.tieWordEmbeddings());
    putTokenIds(model.tokenIds(), json);
    json.put("torch_dtype", storedDtype.hfName());
    json.put("dtype", storedDtype.hfName());
    json.put("use_cache", true);
    return json;
  }

  private static void putTokenIds(TokenIds ids, ObjectNode json) {
    json.putNull("bos_token_id").putNull("eos_token_id").putNull("pad_token_id");
    ids.bos().ifPresent(id -> json.put("bos_token_id", id));
    ids.pad().ifPresent(id -> json.put("pad_token_id", id));
    if (ids.eos().size() == 1) {
      json.put("eos_token_id", ids.eos().get(0));
    } else if (!ids.eos().isEmpty()) {
      ids.eos().forEach(json.putArray("eos_token_id")::add);
    }
  }
}
