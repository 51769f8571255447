package org.llmadapters.conversion.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.errorprone.annotations.FormatMethod;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;

/**
 * Refuses a {@code tokenizer.json} for which the native library would end the whole program, run
 * without end or use memory without bound; what else is wrong with it, the library says itself.
 *
 * <p>The library takes a component for what its fields look like where its {@code type} does not
 * fit, and a list for an object; so fields are checked wherever they are, and must be in objects.
 */
final class TokenizerJsonCheck {
  private static final int MAX_PARTS = 64;
  private static final int MAX_AFFIX = 64;

  /** How many characters normalizing or decoding may make of one. */
  private static final long MAX_GROWTH = 1000;

  private static final List<String> SECTIONS =
      List.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

  private static final List<String> LISTS =
      List.of("normalizers", "pretokenizers", "processors", "decoders");

  /** Normalizers that always leave something of a text. */
  private static final Set<String> KEEPING =
      Set.of(
          "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "ByteLevel", "Sequence", "Replace");

  private static final Pattern BLANK = Pattern.compile("(?U)\\s*");

  private final Path file;
  private long growth = 1;
  private boolean addsTokens;

  private TokenizerJsonCheck(Path file) {
    this.file = file;
  }

  /**
   * Does nothing if {@code json} is safe.
   *
   * @throws FormatException if it is not
   */
  static void check(Path file, ObjectNode json) {
    for (String section : SECTIONS) {
      JsonNode node = json.path(section);
      if (!node.isMissingNode() && !node.isNull()) {
        TokenizerJsonCheck check = new TokenizerJsonCheck(file);
        check.component(section, node);
      }
    }
    TokenizerJsonCheck check = new TokenizerJsonCheck(file);
    check.model(json.path("model"));
    check.addedTokens(json);
  }

  private void component(String where, JsonNode node) {
    requireObject(where, node);
    String type = node.path("type").asText();
    if (!node.path("type").isTextual()) {
      throw bad("%s has no type", where);
    }
    if (type.equals("Precompiled") || node.has("precompiled_charsmap")) {
      charsMap(where, node.path("precompiled_charsmap"));
      grow(where, 32); // so that there can be one of them
    }
    if (type.equals("ByteLevel")) {
      grow(where, 2);
    }
    if (type.equals("FixedLength") && !isAtLeastOne(node.path("length"))) {
      throw bad("%s.length must be positive, got %s", where, Json.describe(node.path("length")));
    }
    if (type.equals("TemplateProcessing") || node.has("single") || node.has("pair")) {
      template(where, node);
    }
    JsonNode stop = node.path("stop");
    if (!stop.isMissingNode()
        && !(stop.canConvertToInt() && stop.isInt() && stop.intValue() == 0)) {
      throw bad("%s.stop must be 0, got %s: not supported", where, Json.describe(stop));
    }
    if (node.has("single") || node.has("pair") || node.has("sep") || node.has("cls")) {
      // The next one would be given the parts of the first one as if they were several texts.
      if (addsTokens) {
        throw bad("%s adds tokens after another that does: not supported", where);
      }
      addsTokens = true;
    }
    for (String name : List.of("sep", "cls")) {
      if (node.path(name).isArray()) {
        requireId(where + "." + name, node.path(name).path(1));
      }
    }
    pattern(where, node);
    for (String list : LISTS) {
      if (node.has(list)) {
        parts(where + "." + list, node.path(list));
      }
    }
  }

  private void parts(String where, JsonNode parts) {
    requireShortList(where, parts);
    for (int i = 0; i < parts.size(); i++) {
      component(where + "[" + i + "]", parts.get(i));
    }
  }

  private static boolean isAtLeastOne(JsonNode node) {
    return node.isMissingNode() || (node.isIntegralNumber() && node.asLong() >= 1);
  }

  private void pattern(String where, JsonNode node) {
    JsonNode pattern = node.path("pattern");
    if (!pattern.isMissingNode()) {
      requireObject(where + ".pattern", pattern);
      boolean consumes;
      try {
        consumes =
            pattern.has("Regex")
                ? RegexCheck.check(pattern.path("Regex").asText())
                : !pattern.path("String").asText().isEmpty();
      } catch (IllegalArgumentException e) {
        throw new FormatException(
            file, "is not a tokenizer: " + where + ".pattern.Regex: " + e.getMessage(), e);
      }
      if (node.has("content") && !consumes) {
        throw bad("%s.pattern can match the empty text: not supported", where);
      }
      grow(where, node.path("content").asText().length());
    }
    if (node.has("prepend") && node.path("prepend").asText().isEmpty()) {
      throw bad("%s.prepend must not be empty", where);
    }
    grow(where, node.path("prepend").asText().length());
  }

  private void grow(String where, int factor) {
    growth *= Math.max(1, factor);
    if (growth > MAX_GROWTH) {
      throw bad("%s makes a text more than %d times as long", where, MAX_GROWTH);
    }
  }

  private void charsMap(String where, JsonNode node) {
    try {
      byte[] bytes = Base64.getDecoder().decode(node.asText());
      if (!node.isTextual() || !Base64.getEncoder().encodeToString(bytes).equals(node.asText())) {
        throw new IllegalArgumentException("precompiled_charsmap: not base64");
      }
      CharsMap.check(bytes);
    } catch (IllegalArgumentException e) {
      throw new FormatException(file, "is not a tokenizer: " + where + ": " + e.getMessage(), e);
    }
  }

  private void template(String where, JsonNode node) {
    JsonNode tokens = node.path("special_tokens");
    requireObject(where + ".special_tokens", tokens);
    for (Map.Entry<String, JsonNode> token : tokens.properties()) {
      String name = where + ".special_tokens." + token.getKey();
      requireObject(name, token.getValue());
      JsonNode ids = token.getValue().path("ids");
      requireShortList(name + ".ids", ids);
      ids.forEach(id -> requireId(name + ".ids", id));
    }
    for (String template : List.of("single", "pair")) {
      JsonNode pieces = node.path(template);
      requireShortList(where + "." + template, pieces);
      Set<String> sequences =
          new HashSet<>(template.equals("pair") ? Set.of("A", "B") : Set.of("A"));
      for (JsonNode piece : pieces) {
        piece(where + "." + template, piece, tokens, sequences);
      }
    }
  }

  private void piece(String where, JsonNode piece, JsonNode tokens, Set<String> sequences) {
    requireObject(where, piece);
    for (Map.Entry<String, JsonNode> entry : piece.properties()) {
      requireObject(where + "." + entry.getKey(), entry.getValue());
      JsonNode id = entry.getValue().path("id");
      if (entry.getKey().equals("SpecialToken") && !tokens.has(id.asText())) {
        throw bad("%s uses the token %s, which special_tokens lacks", where, Json.describe(id));
      }
      if (entry.getKey().equals("Sequence") && !sequences.remove(id.asText())) {
        throw bad("%s uses the sequence %s, which is not there or used", where, Json.describe(id));
      }
    }
  }

  private void model(JsonNode model) {
    requireObject("model", model);
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (model.path(affix).asText().length() > MAX_AFFIX) {
        throw bad("model.%s has more than %d characters", affix, MAX_AFFIX);
      }
    }
    JsonNode node = model.path("continuing_subword_prefix");
    String prefix = node.isTextual() ? node.asText() : "";
    for (JsonNode merge : model.path("merges")) {
      String second =
          merge.isArray()
              ? merge.path(1).asText()
              : merge.asText().substring(merge.asText().lastIndexOf(' ') + 1);
      if (!second.startsWith(prefix)) {
        throw bad(
            "the second piece of the merge %s lacks continuing_subword_prefix \"%s\"",
            Json.describe(merge), prefix);
      }
    }
  }

  private void addedTokens(ObjectNode json) {
    JsonNode normalizer = json.path("normalizer");
    for (JsonNode token : json.path("added_tokens")) {
      requireObject("added_tokens", token);
      JsonNode content = token.path("content");
      boolean normalized = token.path("normalized").asBoolean() && normalizer.isObject();
      if (normalized && canRemove(normalizer)) {
        throw bad(
            "the added token %s is normalized, and normalizer can leave nothing of it: not"
                + " supported",
            Json.describe(content));
      }
      boolean blank = normalized || BLANK.matcher(content.asText()).matches();
      if (token.path("lstrip").asBoolean() && blank) {
        throw bad(
            "the added token %s is white space, or becomes it, and has lstrip: not supported",
            Json.describe(content));
      }
    }
  }

  private static boolean canRemove(JsonNode normalizer) {
    if (!KEEPING.contains(normalizer.path("type").asText())
        || (normalizer.has("pattern") && normalizer.path("content").asText().isEmpty())) {
      return true;
    }
    for (JsonNode part : normalizer.path("normalizers")) {
      if (canRemove(part)) {
        return true;
      }
    }
    return false;
  }

  private void requireObject(String where, JsonNode node) {
    if (!node.isObject()) {
      throw bad("%s must be an object, got %s", where, Json.describe(node));
    }
  }

  private void requireShortList(String where, JsonNode node) {
    if (!node.isArray() || node.size() > MAX_PARTS) {
      throw bad("%s must be a list of at most %d, got %s", where, MAX_PARTS, Json.describe(node));
    }
  }

  private void requireId(String where, JsonNode id) {
    if (!Tokenizers.isId(id)) {
      throw bad(
          "%s must hold ids between 0 and %d, got %s", where, Tokenizers.MAX_ID, Json.describe(id));
    }
  }

  @FormatMethod
  private FormatException bad(String format, Object... args) {
    return new FormatException(file, "is not a tokenizer: %s", String.format(format, args));
  }
}
