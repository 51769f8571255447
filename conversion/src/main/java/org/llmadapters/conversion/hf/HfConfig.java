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
import java.util.function.Function;
import java.util.function.Supplier;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.arch.Family;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.graph.spec.Residual;

/**
 * {@code config.json} of a checkpoint directory, in the spellings of transformers 4 and 5, with the
 * defaults of the family's configuration class there.
 *
 * @param model what it says about the model
 * @param storedDtype {@code torch_dtype} or {@code dtype}: what the weights are stored as, float32
 *     if it does not say
 * @param raw the whole file
 */
public record HfConfig(ModelConfig model, WeightDtype storedDtype, ObjectNode raw) {
  /** The file's name in a checkpoint directory. */
  public static final String FILE = "config.json";

  private static final int MAX_POSITION_EMBEDDINGS = 2048;

  /** Keys that all families have, by their common names. */
  private static final Set<String> COMMON =
      Set.of(
          "model_type",
          "vocab_size",
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "max_position_embeddings",
          "num_attention_heads",
          "hidden_act",
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
          "quantization_config", "quantized checkpoints are not supported: convert the original",
          "is_encoder_decoder", "only decoders are supported",
          "add_cross_attention", "only decoders are supported",
          "cross_attention_hidden_size", "only decoders are supported",
          "pruned_heads", "pruned heads are not supported");

  private static final String NO_DROPOUT = "the base is not trained with dropout";

  /** Keys without effect on the logits, and why. */
  private static final Map<String, String> IGNORED =
      Map.ofEntries(
          Map.entry("attention_dropout", NO_DROPOUT),
          Map.entry("hidden_dropout", NO_DROPOUT),
          Map.entry("activation_dropout", NO_DROPOUT),
          Map.entry("dropout", NO_DROPOUT),
          Map.entry("layerdrop", NO_DROPOUT),
          Map.entry("resid_pdrop", NO_DROPOUT),
          Map.entry("embd_pdrop", NO_DROPOUT),
          Map.entry("attn_pdrop", NO_DROPOUT),
          Map.entry("resid_dropout", NO_DROPOUT),
          Map.entry("embed_dropout", NO_DROPOUT),
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
          Map.entry("tokenizer_class", "the tokenizer's own files tell"),
          Map.entry("prefix", "the tokenizer's own files tell"),
          Map.entry("unk_token_id", "the tokenizer's own files tell"),
          Map.entry("init_std", "only for training from nothing"),
          Map.entry("classifier_dropout", "for classifiers"),
          Map.entry("task_specific_params", "how transformers generates"),
          Map.entry("n_ctx", "the same as n_positions"),
          Map.entry("offset_alibi", "unused by transformers"),
          Map.entry("skip_bias_add", "how it was trained"),
          Map.entry("skip_bias_add_qkv", "how it was trained"),
          Map.entry("bias_dropout_fusion", "how it was trained"),
          Map.entry("masked_softmax_fusion", "how it was trained"),
          Map.entry("attention_softmax_in_fp32", "softmax is always in float32"),
          Map.entry("reorder_and_upcast_attn", "softmax is always in float32"),
          Map.entry("slow_but_exact", "splits matrix products; the sums are the same"));

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
    if (!Architecture.modelTypes().contains(modelType)) {
      fields.throwIfAny();
      throw new FormatException(
          file,
          "model_type \"%s\" is not supported; supported: %s",
          modelType,
          String.join(", ", Architecture.modelTypes()));
    }
    Family family = Architecture.of(modelType).family();
    KnownKeys known = new KnownKeys(family.keys().all(COMMON), UNSUPPORTED, IGNORED);
    List<String> unknown = new ArrayList<>(known.unknown(fields));
    known.refuseUnsupported(fields);
    Supplier<ModelConfig> model = model(fields, family, unknown);
    Supplier<WeightDtype> dtype = dtype(fields);
    fields.throwIfAny();

    Optional<WeightDtype> builtDtype = fields.attempt(dtype);
    ModelConfig builtModel = model.get();
    known.log(file, fields, unknown);
    return new HfConfig(builtModel, builtDtype.orElseThrow(), raw);
  }

  private static Supplier<ModelConfig> model(
      JsonFields fields, Family family, List<String> unknown) {
    FamilyFields values = new FamilyFields(fields, family.keys());
    values.checkRequiredValues();
    Supplier<Sizes> sizes = sizes(values, family);
    Supplier<AttentionConfig> attention = attention(fields, values, family);
    boolean rotary = family.spec().positions().isRotary();
    Function<RopeFields.Context, RopeConfig> rope = RopeFields.read(fields, family, unknown);
    Activation activation = values.activation();
    Biases biases = values.biases();
    Residual residual = values.residual();
    double normEps = values.normEps();
    boolean tied =
        fields.booleanOr("tie_word_embeddings", family.keys().defaults().tieWordEmbeddings());
    TokenIds tokenIds = tokenIds(fields, family.keys().defaults());
    return () -> {
      Optional<Sizes> builtSizes = fields.attempt(sizes);
      Optional<AttentionConfig> builtAttention = fields.attempt(attention);
      Optional<RopeConfig> builtRope =
          rotary && builtSizes.isPresent() && builtAttention.isPresent()
              ? fields.attempt(
                  () ->
                      rope.apply(
                          new RopeFields.Context(
                              builtAttention.get().headDim(),
                              builtSizes.get().maxPositionEmbeddings())))
              : Optional.empty();
      return fields.build(
          () ->
              new ModelConfig(
                  family.modelType(),
                  builtSizes.orElseThrow(),
                  builtAttention.orElseThrow(),
                  builtRope,
                  activation,
                  biases,
                  residual,
                  normEps,
                  tied,
                  tokenIds));
    };
  }

  private static Supplier<Sizes> sizes(FamilyFields values, Family family) {
    int vocabSize = values.requireInt("vocab_size");
    int hiddenSize = values.requireInt("hidden_size");
    int ratio = family.keys().defaults().mlpRatio();
    int intermediateSize =
        ratio == 0
            ? values.requireInt("intermediate_size")
            : values.intOr(
                "intermediate_size", (int) Math.min(Integer.MAX_VALUE, (long) ratio * hiddenSize));
    int numHiddenLayers = values.requireInt("num_hidden_layers");
    int maxPositionEmbeddings =
        family.spec().positions() == PositionEncoding.LEARNED
            ? values.requireInt("max_position_embeddings")
            : values.intOr("max_position_embeddings", MAX_POSITION_EMBEDDINGS);
    int wordEmbedProjDim = values.ownInt("word_embed_proj_dim").orElse(hiddenSize);
    return () ->
        new Sizes(
            vocabSize,
            hiddenSize,
            intermediateSize,
            numHiddenLayers,
            maxPositionEmbeddings,
            wordEmbedProjDim);
  }

  private static Supplier<AttentionConfig> attention(
      JsonFields fields, FamilyFields values, Family family) {
    int hiddenSize = values.intOr("hidden_size", 0);
    int heads = values.requireInt("num_attention_heads");
    int keyValueHeads = values.ownInt("num_key_value_heads").orElse(heads);
    OptionalInt headDim = values.ownInt("head_dim");
    if (headDim.isEmpty() && heads > 0 && hiddenSize % heads != 0) {
      fields.problem(
          "%s (%d) must be a multiple of %s (%d)%s",
          values.key("hidden_size"),
          hiddenSize,
          values.key("num_attention_heads"),
          heads,
          family.keys().has("head_dim") ? " where head_dim is not given" : "");
    }
    List<Integer> windows =
        WindowFields.read(fields, family.keys(), values.intOr("num_hidden_layers", 0));
    return () ->
        new AttentionConfig(
            heads, keyValueHeads, headDim.orElse(heads > 0 ? hiddenSize / heads : 0), windows);
  }

  private static TokenIds tokenIds(JsonFields fields, ConfigKeys.Defaults defaults) {
    OptionalInt bos =
        fields.isWritten("bos_token_id")
            ? fields.optionalInt("bos_token_id")
            : OptionalInt.of(defaults.bosTokenId());
    List<Integer> eos =
        fields.isWritten("eos_token_id")
            ? fields.ints("eos_token_id")
            : List.of(defaults.eosTokenId());
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

  /**
   * The {@code config.json} of a model, with the keys of its family, in old and new spellings of
   * transformers, so that all readers take it.
   */
  public static ObjectNode toJson(ModelConfig model, WeightDtype storedDtype) {
    return ConfigWriter.write(model, storedDtype);
  }
}
