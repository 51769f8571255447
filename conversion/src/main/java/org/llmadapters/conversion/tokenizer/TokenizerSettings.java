package org.llmadapters.conversion.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;

/**
 * What stands beside a tokenizer's vocabulary: {@code tokenizer_config.json}, {@code
 * special_tokens_map.json} and {@code added_tokens.json}; all may be absent.
 *
 * @param tokenizerClass {@code tokenizer_class}, e.g. {@code LlamaTokenizer}
 * @param named the tokens with a role, by its name: {@code bos_token} is, e.g., {@code <s>}
 * @param addBosToken {@code add_bos_token}
 * @param addEosToken {@code add_eos_token}
 * @param addPrefixSpace {@code add_prefix_space}: a space is put before the text
 * @param legacy {@code legacy}: SentencePiece puts a space before each piece of text between added
 *     tokens, not just before the first
 * @param addedTokens all that are listed, by their text
 */
record TokenizerSettings(
    Optional<String> tokenizerClass,
    Map<String, String> named,
    Optional<Boolean> addBosToken,
    Optional<Boolean> addEosToken,
    Optional<Boolean> addPrefixSpace,
    boolean legacy,
    Map<String, AddedToken> addedTokens) {

  private static final String[] NAMED = {
    "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"
  };

  /**
   * A token that is found in the text before all else.
   *
   * @param file where its id stands, or else its text
   * @param id absent where only its text is listed
   * @param special left out by decoding without special tokens
   * @param lstrip it takes the white space before it
   * @param rstrip it takes the white space after it
   */
  record AddedToken(
      Path file, Optional<Integer> id, boolean special, boolean lstrip, boolean rstrip) {}

  static TokenizerSettings read(Path directory) throws IOException {
    Map<String, AddedToken> added = new LinkedHashMap<>();
    Path addedFile = directory.resolve("added_tokens.json");
    JsonFields addedFields = JsonFields.of(addedFile, readIfThere(addedFile));
    for (String token : addedFields.names()) {
      int id = requireId(addedFields, token, addedFields.intOr(token, -1));
      added.put(token, new AddedToken(addedFile, Optional.of(id), false, false, false));
    }
    addedFields.throwIfAny();

    Path mapFile = directory.resolve("special_tokens_map.json");
    JsonFields map = JsonFields.of(mapFile, readIfThere(mapFile));
    Map<String, String> named = named(mapFile, map, added);
    map.throwIfAny();

    Path configFile = directory.resolve("tokenizer_config.json");
    JsonFields config = JsonFields.of(configFile, readIfThere(configFile));
    named.putAll(named(configFile, config, added));
    config
        .object("added_tokens_decoder")
        .ifPresent(tokens -> readDecoder(configFile, config, tokens, added));
    if (!config.booleanOr("add_prefix_space", true)
        && Files.exists(directory.resolve("tokenizer.model"))
        && !Files.exists(directory.resolve("tokenizer.json"))) {
      config.problem("add_prefix_space must be true with tokenizer.model, got false");
    }
    Optional<Boolean> addBos = optionalBoolean(config, "add_bos_token");
    Optional<Boolean> addEos = optionalBoolean(config, "add_eos_token");
    Optional<Boolean> addPrefixSpace = optionalBoolean(config, "add_prefix_space");
    boolean legacy = config.booleanOr("legacy", true);
    Optional<String> tokenizerClass = config.optionalString("tokenizer_class");
    return config.build(
        () ->
            new TokenizerSettings(
                tokenizerClass,
                Map.copyOf(named),
                addBos,
                addEos,
                addPrefixSpace,
                legacy,
                Map.copyOf(added)));
  }

  /** {@code bos_token}. */
  Optional<String> bosToken() {
    return Optional.ofNullable(named.get("bos_token"));
  }

  /** {@code eos_token}. */
  Optional<String> eosToken() {
    return Optional.ofNullable(named.get("eos_token"));
  }

  /** {@code pad_token}. */
  Optional<String> padToken() {
    return Optional.ofNullable(named.get("pad_token"));
  }

  /**
   * The same, with {@code token} as {@code bos_token} and {@code eos_token} where none is named. It
   * is found in a text only if {@code tokenizer_class} is GPT-2's, to which it belongs.
   *
   * @param file that of the vocabulary
   * @param addBos whether a text begins with it where nothing is said about that
   */
  TokenizerSettings withDefaults(Path file, String token, boolean addBos) {
    Map<String, String> complete = new HashMap<>(named);
    complete.putIfAbsent("bos_token", token);
    complete.putIfAbsent("eos_token", token);
    Map<String, AddedToken> added = new HashMap<>(addedTokens);
    boolean gpt2 = tokenizerClass.map(name -> name.startsWith("GPT2Tokenizer")).orElse(false);
    if (gpt2 && complete.containsValue(token)) {
      added.putIfAbsent(token, new AddedToken(file, Optional.empty(), true, false, false));
    }
    return new TokenizerSettings(
        tokenizerClass,
        Map.copyOf(complete),
        addBosToken.or(() -> Optional.of(addBos)),
        addEosToken,
        addPrefixSpace,
        legacy,
        Map.copyOf(added));
  }

  private static ObjectNode readIfThere(Path file) throws IOException {
    return Files.exists(file) ? Json.readObject(file) : Json.object();
  }

  private static Optional<Boolean> optionalBoolean(JsonFields fields, String name) {
    return fields.has(name) ? Optional.of(fields.booleanOr(name, false)) : Optional.empty();
  }

  private static int requireId(JsonFields fields, String token, int id) {
    if (id < 0 || id > Tokenizers.MAX_ID) {
      fields.problem(
          "the id of \"%s\" must be between 0 and %d, got %d", token, Tokenizers.MAX_ID, id);
    }
    return id;
  }

  /** {@code bos_token} and so on: a string, or an object with {@code content}. */
  private static Map<String, String> named(
      Path file, JsonFields fields, Map<String, AddedToken> added) {
    Map<String, String> named = new LinkedHashMap<>();
    for (String name : NAMED) {
      Optional<JsonNode> node = fields.node(name);
      boolean isObject = node.map(JsonNode::isObject).orElse(false);
      Optional<String> token =
          isObject
              ? fields.object(name).map(object -> object.requireString("content"))
              : fields.optionalString(name);
      token
          .filter(text -> !text.isEmpty())
          .ifPresent(
              text -> {
                named.put(name, text);
                Optional<AddedToken> listed =
                    Optional.ofNullable(added.get(text)).filter(other -> other.id().isPresent());
                added.put(
                    text,
                    new AddedToken(
                        listed.map(AddedToken::file).orElse(file),
                        listed.flatMap(AddedToken::id),
                        true,
                        isObject && node.get().path("lstrip").asBoolean(),
                        isObject && node.get().path("rstrip").asBoolean()));
              });
    }
    return named;
  }

  /** {@code added_tokens_decoder}: {@code {"0": {"content": "<unk>", "special": true, ...}}}. */
  private static void readDecoder(
      Path file, JsonFields config, JsonFields tokens, Map<String, AddedToken> added) {
    for (String key : tokens.names()) {
      String path = "added_tokens_decoder." + key;
      int id = key.matches("[0-9]{1,8}") ? Integer.parseInt(key) : -1;
      Optional<JsonFields> token = tokens.object(key);
      if (token.isEmpty()) {
        config.problem("%s must be an object", path);
        continue;
      }
      String text = token.get().requireString("content");
      requireId(config, text, id);
      if (token.get().booleanOr("single_word", false)) {
        config.problem("%s.single_word must be false, true is not supported", path);
      }
      if (!text.isEmpty()) {
        added.put(
            text,
            new AddedToken(
                file,
                Optional.of(id),
                token.get().booleanOr("special", false),
                token.get().booleanOr("lstrip", false),
                token.get().booleanOr("rstrip", false)));
      }
    }
  }
}
