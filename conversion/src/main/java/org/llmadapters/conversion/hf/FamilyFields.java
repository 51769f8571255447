package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.Residual;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The fields of {@code config.json}, asked for by their common names whatever the family's own. */
final class FamilyFields {
  private static final Logger LOG = LoggerFactory.getLogger(FamilyFields.class);

  /** Keys of which one value alone is supported. */
  private static final Map<String, Boolean> REQUIRED_VALUES =
      Map.of(
          "apply_residual_connection_post_layernorm", false,
          "layer_norm_elementwise_affine", true,
          "_remove_final_layer_norm", false,
          "use_bidirectional_attention", false,
          "rotary", true,
          "scale_attn_weights", true,
          "scale_attn_by_inverse_layer_idx", false);

  private final JsonFields fields;
  private final ConfigKeys keys;

  FamilyFields(JsonFields fields, ConfigKeys keys) {
    this.fields = fields;
    this.keys = keys;
    keys.spellings()
        .forEach(
            (common, own) -> {
              Optional<JsonNode> first = fields.node(own);
              Optional<JsonNode> second = fields.node(common);
              if (first.isPresent() && second.isPresent() && !first.equals(second)) {
                fields.problem(
                    "%s (%s) and %s (%s) must agree",
                    own, Json.describe(first.get()), common, Json.describe(second.get()));
              }
            });
  }

  /** The key that {@code common} is written under, or would be. */
  String key(String common) {
    return keys.spellings(common).stream()
        .filter(fields::has)
        .findFirst()
        .orElse(keys.spellings(common).get(0));
  }

  int requireInt(String common) {
    return fields.requireInt(key(common));
  }

  int intOr(String common, int absent) {
    return fields.intOr(key(common), absent);
  }

  /** A key of the family's own; empty if absent or if the family does not have it. */
  OptionalInt ownInt(String key) {
    return keys.has(key) ? fields.optionalInt(key) : OptionalInt.empty();
  }

  /** A key of the family's own; {@code absent} if absent or if the family does not have it. */
  boolean ownBoolean(String key, boolean absent) {
    return keys.has(key) ? fields.booleanOr(key, absent) : absent;
  }

  /** Notes a problem for each key that has a value other than the one that is supported. */
  void checkRequiredValues() {
    REQUIRED_VALUES.forEach(
        (key, value) -> {
          if (ownBoolean(key, value) != value) {
            fields.problem("%s must be %s, %s is not supported", key, value, !value);
          }
        });
  }

  double normEps() {
    return fields.doubleOr(key("norm_eps"), keys.defaults().normEps());
  }

  Biases biases() {
    Biases biases = keys.defaults().biases();
    if (keys.has("enable_bias")) {
      return fields.booleanOr("enable_bias", true) ? Biases.ALL : Biases.NONE;
    }
    if (keys.has("attention_bias") && fields.has("attention_bias")) {
      biases = biases.withAttention(fields.booleanOr("attention_bias", false));
    }
    return keys.has("mlp_bias") && fields.has("mlp_bias")
        ? biases.withMlp(fields.booleanOr("mlp_bias", false))
        : biases;
  }

  Residual residual() {
    if (!ownBoolean("use_parallel_residual", true)) {
      return Residual.SEQUENTIAL;
    }
    return ownBoolean("do_layer_norm_before", true)
        ? keys.defaults().residual()
        : Residual.NORM_AFTER;
  }

  Activation activation() {
    String key = key("hidden_act");
    if (keys.has("hidden_activation")) {
      // The first checkpoints of Gemma say "gelu" and mean its tanh form; transformers takes them
      // so.
      if (fields.has("hidden_activation")) {
        key = "hidden_activation";
      } else if (fields.optionalString(key).equals(Optional.of("gelu"))) {
        LOG.warn("{} \"gelu\" is taken as \"gelu_pytorch_tanh\", as by transformers", key);
        return keys.defaults().activation();
      }
    }
    Optional<String> name = fields.optionalString(key);
    Optional<Activation> found =
        name.map(Activation::find).orElse(Optional.of(keys.defaults().activation()));
    if (found.isEmpty()) {
      fields.problem(
          "%s must be one of %s, got \"%s\"",
          key, String.join(", ", Activation.names()), name.orElse(""));
    }
    return found.orElse(keys.defaults().activation());
  }
}
