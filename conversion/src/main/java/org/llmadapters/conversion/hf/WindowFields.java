package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.spec.ConfigKeys;

/**
 * How far the attention of each layer looks. Three ways of saying so:
 *
 * <ul>
 *   <li>{@code sliding_window}: all layers have it (Mistral);
 *   <li>{@code use_sliding_window}, {@code sliding_window} and either {@code layer_types} or {@code
 *       max_window_layers}, the number of the first layer that has it (Qwen);
 *   <li>{@code attention_types} or {@code attention_layers}, lists of {@code global} and {@code
 *       local}, and {@code window_size} (GPT-Neo).
 * </ul>
 */
final class WindowFields {
  private static final int MISTRAL_WINDOW = 4096;
  private static final int QWEN_MAX_WINDOW_LAYERS = 28;
  private static final int GPT_NEO_WINDOW = 256;

  /** Far above any model: what a list in a file may be expanded to. */
  private static final int MAX_LAYERS = 1024;

  private final JsonFields fields;
  private final int layers;

  private WindowFields(JsonFields fields, int layers) {
    this.fields = fields;
    this.layers = Math.min(Math.max(layers, 0), MAX_LAYERS);
  }

  /** The window of each of {@code layers} layers; empty if none has one. */
  static List<Integer> read(JsonFields fields, ConfigKeys keys, int layers) {
    WindowFields reader = new WindowFields(fields, layers);
    List<Integer> windows =
        keys.has("attention_types")
            ? reader.alternating()
            : keys.has("use_sliding_window")
                ? reader.fromLayer()
                : keys.has("sliding_window") ? reader.everywhere() : List.of();
    boolean none = windows.stream().allMatch(window -> window == AttentionConfig.NO_WINDOW);
    return none ? List.of() : windows;
  }

  private List<Integer> everywhere() {
    boolean absent = !fields.isWritten("sliding_window");
    return Collections.nCopies(layers, absent ? MISTRAL_WINDOW : slidingWindow());
  }

  private int slidingWindow() {
    return fields.has("sliding_window") ? window("sliding_window") : AttentionConfig.NO_WINDOW;
  }

  private int window(String key) {
    int window = fields.requireInt(key);
    if (window < 1) {
      fields.problem("%s must be >= 1, got %d", key, window);
    }
    return Math.max(window, 1);
  }

  private List<Integer> fromLayer() {
    if (!fields.booleanOr("use_sliding_window", false)) {
      return List.of();
    }
    int window = slidingWindow();
    Optional<List<String>> types = fields.node("layer_types").map(this::layerTypes);
    int first = fields.intOr("max_window_layers", QWEN_MAX_WINDOW_LAYERS);
    List<Integer> windows = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      boolean sliding =
          types.isPresent() ? types.get().get(layer).equals("sliding_attention") : layer >= first;
      windows.add(sliding ? window : AttentionConfig.NO_WINDOW);
    }
    return windows;
  }

  private List<String> layerTypes(JsonNode node) {
    return names("layer_types", node, List.of("full_attention", "sliding_attention"));
  }

  private List<Integer> alternating() {
    int window = fields.has("window_size") ? window("window_size") : GPT_NEO_WINDOW;
    List<String> kinds = List.of("global", "local");
    Optional<List<String>> expanded = fields.node("attention_types").map(this::expand);
    Optional<List<String>> listed =
        fields.node("attention_layers").map(node -> names("attention_layers", node, kinds));
    if (expanded.isPresent() && listed.isPresent() && !expanded.equals(listed)) {
      fields.problem("attention_types and attention_layers must agree");
    }
    Optional<List<String>> written = expanded.or(() -> listed);
    List<Integer> windows = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      String kind = written.isPresent() ? written.get().get(layer) : kinds.get(layer % 2);
      windows.add(kind.equals("local") ? window : AttentionConfig.NO_WINDOW);
    }
    return windows;
  }

  /** {@code [[["global", "local"], 12]]}: lists of names and how often each is repeated. */
  private List<String> expand(JsonNode node) {
    List<JsonNode> names = new ArrayList<>();
    for (JsonNode part : node) {
      int times = part.path(1).isIntegralNumber() ? part.path(1).intValue() : -1;
      if (!part.path(0).isArray() || times < 0 || times > MAX_LAYERS) {
        fields.problem(
            "attention_types must hold lists of names with a number, got %s", Json.describe(part));
        return standIn();
      }
      for (int i = 0; i < times && names.size() <= layers; i++) {
        part.path(0).forEach(names::add);
      }
    }
    return names("attention_types", names, List.of("global", "local"));
  }

  private List<String> names(String key, Iterable<JsonNode> nodes, List<String> allowed) {
    List<String> names = new ArrayList<>();
    for (JsonNode node : nodes) {
      if (!node.isTextual() || !allowed.contains(node.textValue())) {
        fields.problem(
            "%s must be %s, got %s", key, String.join(" or ", allowed), Json.describe(node));
        return standIn();
      }
      names.add(node.textValue());
    }
    if (names.size() != layers) {
      fields.problem("%s must describe each of the %d layers, got %d", key, layers, names.size());
      return standIn();
    }
    return names;
  }

  /** Keeps what follows going until the problem is reported. */
  private List<String> standIn() {
    return Collections.nCopies(layers, "");
  }
}
