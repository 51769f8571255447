package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.arch.Family;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.Residual;

/** Writes {@code config.json} with the keys of the model's family: what {@link HfConfig} reads. */
final class ConfigWriter {
  private final ModelConfig model;
  private final ConfigKeys keys;
  private final ObjectNode json = Json.object();

  private ConfigWriter(ModelConfig model, ConfigKeys keys) {
    this.model = model;
    this.keys = keys;
  }

  /** The {@code config.json} of a model, in old and new spellings, so that all readers take it. */
  static ObjectNode write(ModelConfig model, WeightDtype storedDtype) {
    Family family = Architecture.of(model.modelType()).family();
    ConfigWriter writer = new ConfigWriter(model, family.keys());
    writer.json.putArray("architectures").add(family.className());
    writer.json.put("model_type", model.modelType());
    writer.putSizes();
    writer.putAttention();
    writer.putBlock();
    writer.putWindows();
    model
        .rope()
        .ifPresent(
            rope -> RopeFields.write(rope, model.attention().headDim(), writer.keys, writer.json));
    writer.json.put("tie_word_embeddings", model.tieWordEmbeddings());
    writer.putTokenIds(model.tokenIds());
    writer.json.put("torch_dtype", storedDtype.hfName());
    writer.json.put("dtype", storedDtype.hfName());
    writer.json.put("use_cache", true);
    return writer.json;
  }

  private String key(String common) {
    return keys.spellings(common).get(0);
  }

  private void putOwn(String key, boolean value) {
    if (keys.has(key)) {
      json.put(key, value);
    }
  }

  private void putOwn(String key, int value) {
    if (keys.has(key)) {
      json.put(key, value);
    }
  }

  private void putSizes() {
    json.put("vocab_size", model.sizes().vocabSize());
    json.put(key("hidden_size"), model.sizes().hiddenSize());
    json.put(key("intermediate_size"), model.sizes().intermediateSize());
    json.put(key("num_hidden_layers"), model.sizes().numHiddenLayers());
    json.put(key("max_position_embeddings"), model.sizes().maxPositionEmbeddings());
    putOwn("word_embed_proj_dim", model.sizes().wordEmbedProjDim());
  }

  private void putAttention() {
    json.put(key("num_attention_heads"), model.attention().numAttentionHeads());
    putOwn("num_key_value_heads", model.attention().numKeyValueHeads());
    putOwn("head_dim", model.attention().headDim());
    putOwn("attention_bias", model.biases().attentionOutput());
    json.put("attention_dropout", 0.0);
  }

  private void putBlock() {
    putOwn("mlp_bias", model.biases().mlp());
    putOwn("enable_bias", model.biases().mlp());
    json.put(key("hidden_act"), model.activation().hfName());
    if (keys.has("hidden_activation")) {
      json.put("hidden_activation", model.activation().hfName());
    }
    if (keys.spellings().containsKey("norm_eps")) {
      json.put(key("norm_eps"), model.normEps());
    }
    putOwn("use_parallel_residual", model.residual() == keys.defaults().residual());
    putOwn("do_layer_norm_before", model.residual() != Residual.NORM_AFTER);
    model.rope().ifPresent(rope -> putOwn("rotary_dim", rope.rotaryDim()));
  }

  private void putWindows() {
    List<Integer> windows = model.attention().windows();
    int window =
        windows.stream().mapToInt(Integer::intValue).max().orElse(AttentionConfig.NO_WINDOW);
    int layers = model.sizes().numHiddenLayers();
    if (keys.has("attention_types")) {
      json.put("window_size", Math.max(window, 1));
      ArrayNode part = json.putArray("attention_types").addArray();
      ArrayNode kinds = part.addArray();
      part.add(1);
      for (int layer = 0; layer < layers; layer++) {
        kinds.add(hasWindow(layer) ? "local" : "global");
      }
    } else if (keys.has("sliding_window")) {
      if (windows.isEmpty()) {
        json.putNull("sliding_window");
      } else {
        json.put("sliding_window", window);
      }
      if (keys.has("use_sliding_window")) {
        json.put("use_sliding_window", !windows.isEmpty());
        ArrayNode types = json.putArray("layer_types");
        for (int layer = 0; layer < layers; layer++) {
          types.add(hasWindow(layer) ? "sliding_attention" : "full_attention");
        }
      }
    }
  }

  private boolean hasWindow(int layer) {
    return model.attention().window(layer) != AttentionConfig.NO_WINDOW;
  }

  private void putTokenIds(TokenIds ids) {
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
