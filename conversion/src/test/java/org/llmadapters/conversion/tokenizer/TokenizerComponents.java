package org.llmadapters.conversion.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.llmadapters.conversion.files.Json;

/** A {@code tokenizer.json} with each kind of component, and GPT-2's two files. */
final class TokenizerComponents {
  private static final List<String> SECTIONS =
      List.of("normalizer", "pre_tokenizer", "post_processor", "decoder", "model");

  private TokenizerComponents() {}

  /**
   * A {@code precompiled_charsmap} that makes {@code ab} of {@code q}: its trie has 512 places, the
   * root's children lie from 256 on, and the value of the only one at 257.
   */
  static byte[] charsMap() {
    ByteBuffer map = ByteBuffer.allocate(4 + 4 * 512 + 3).order(ByteOrder.LITTLE_ENDIAN);
    map.putInt(4 * 512);
    map.putInt(4, 256 << 10);
    int place = 256 ^ 'q';
    map.putInt(4 + 4 * place, (place ^ 257) << 10 | 1 << 8 | 'q');
    map.putInt(4 + 4 * 257, 1 << 31);
    map.position(4 + 4 * 512);
    return map.put("ab\0".getBytes(StandardCharsets.UTF_8)).array();
  }

  private static JsonNode pool() throws IOException {
    String map = Base64.getEncoder().encodeToString(charsMap());
    return new ObjectMapper().readTree(POOL.replace("CHARSMAP", map));
  }

  private static ObjectNode tokenizer(JsonNode pool) {
    ObjectNode json = Json.object();
    json.put("version", "1.0").putNull("truncation").putNull("padding");
    json.set("added_tokens", pool.path("added_tokens"));
    SECTIONS.forEach(section -> json.putNull(section));
    json.set("model", pool.path("model").path(0));
    return json;
  }

  /** With one component of each section. */
  static ObjectNode any(Random random) throws IOException {
    JsonNode pool = pool();
    ObjectNode json = tokenizer(pool);
    for (String section : SECTIONS) {
      JsonNode choices = pool.path(section);
      json.set(section, choices.path(random.nextInt(choices.size())));
    }
    return json;
  }

  /** One for each component. */
  static List<ObjectNode> each() throws IOException {
    JsonNode pool = pool();
    List<ObjectNode> all = new ArrayList<>();
    for (String section : SECTIONS) {
      for (JsonNode component : pool.path(section)) {
        ObjectNode json = tokenizer(pool);
        json.set(section, component);
        all.add(json);
      }
    }
    return all;
  }

  /** Writes {@code vocab.json} and {@code merges.txt} with eight pieces. */
  static void writePairs(Path directory) throws IOException {
    Files.writeString(
        directory.resolve("vocab.json"),
        "{\"a\":0,\"b\":1,\"\u0120\":2,\"ab\":3,\"\u0120a\":4,\"\u0120ab\":5,"
            + "\"<|endoftext|>\":6,\"c\":7}");
    Files.writeString(directory.resolve("merges.txt"), "#version: 0.2\na b\n\u0120 a\n\u0120a b\n");
  }

  /** Writes settings of every kind, with an added token of the id {@code next}. */
  static void writeSettings(Path directory, int next) throws IOException {
    Files.writeString(directory.resolve("added_tokens.json"), "{\"<x>\":" + next + "}");
    Files.writeString(
        directory.resolve("special_tokens_map.json"),
        "{\"pad_token\":\"<x>\",\"unk_token\":{\"content\":\"a\",\"lstrip\":true,\"rstrip\":false,"
            + "\"normalized\":true,\"single_word\":false}}");
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"tokenizer_class\":\"GPT2Tokenizer\",\"add_bos_token\":true,\"bos_token\":\"a\","
            + "\"eos_token\":{\"content\":\"b\"},\"add_prefix_space\":true,\"legacy\":false,"
            + "\"model_max_length\":1000000000000000019884624838656,\"added_tokens_decoder\":{\""
            + next
            + "\":{\"content\":\"<x>\",\"lstrip\":false,\"rstrip\":true,\"normalized\":false,"
            + "\"single_word\":false,\"special\":true}}}");
  }

  private static final String POOL =
      """
      {
        "added_tokens": [
          {"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
          {"id": 1, "content": "</s>", "single_word": false, "lstrip": true, "rstrip": true,
            "normalized": false, "special": true},
          {"id": 14, "content": "<x>", "single_word": true, "lstrip": false, "rstrip": false,
            "normalized": false, "special": false}],
        "normalizer": [
          {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
          {"type": "Replace", "pattern": {"Regex": "a+b?"}, "content": "ab"},
          {"type": "Precompiled", "precompiled_charsmap": "CHARSMAP"},
          {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"},
            {"type": "NFKD"}, {"type": "Nmt"}, {"type": "Lowercase"}, {"type": "StripAccents"}]},
          {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
          {"type": "Strip", "strip_left": true, "strip_right": true},
          {"type": "ByteLevel"}],
        "pre_tokenizer": [
          {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
          {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "'s| ?\\\\p{L}+|\\\\s+(?!\\\\S)|\\\\s+"},
              "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
              "use_regex": false}]},
          {"type": "Split", "pattern": {"String": "a"}, "behavior": "MergedWithNext",
            "invert": true},
          {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true},
          {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
            {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "WhitespaceSplit"}]},
          {"type": "CharDelimiterSplit", "delimiter": "b"},
          {"type": "FixedLength", "length": 2},
          {"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "UnicodeScripts"}],
        "post_processor": [
          {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
              {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
              {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
          {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
              "use_regex": true},
            {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}]},
          {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0],
            "trim_offsets": true, "add_prefix_space": true}],
        "decoder": [
          {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
          {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true},
          {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always",
            "split": true},
          {"type": "WordPiece", "prefix": "##", "cleanup": true},
          {"type": "BPEDecoder", "suffix": "</w>"},
          {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", "cleanup": true}],
        "model": [
          {"type": "BPE", "dropout": null, "unk_token": "<unk>",
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
            "byte_fallback": true, "ignore_merges": false,
            "vocab": {"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4, "ab": 5, "\u2581": 6,
              "\u2581a": 7, "\u0120": 8, "\u00e9": 9, " ": 10, "\u0120a": 11, "q": 12, "aab": 13},
            "merges": ["a b", "\u2581 a", "\u0120 a", "a ab"]},
          {"type": "BPE", "dropout": null, "unk_token": "<unk>",
            "continuing_subword_prefix": "#", "end_of_word_suffix": "w", "fuse_unk": false,
            "byte_fallback": false,
            "vocab": {"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "#b": 4, "ab": 5, "#bw": 6,
              "abw": 7, "#a": 8, "aw": 9, "aa": 10, "bw": 11, "b": 12, "aab": 13},
            "merges": [["a", "#b"], ["a", "#bw"], ["a", "#a"]]},
          {"type": "WordLevel", "unk_token": "<unk>",
            "vocab": {"<s>": 0, "</s>": 1, "<unk>": 2, "ab": 3, "a": 4, "b": 5, "c": 6, "d": 7,
              "e": 8, "f": 9, "g": 10, "h": 11, "i": 12, "j": 13}},
          {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {"<s>": 0, "</s>": 1, "<unk>": 2, "ab": 3, "a": 4, "##b": 5, "c": 6, "d": 7,
              "e": 8, "f": 9, "g": 10, "h": 11, "i": 12, "j": 13}},
          {"type": "Unigram", "unk_id": 2, "byte_fallback": false,
            "vocab": [["<s>", 0], ["</s>", 0], ["<unk>", 0], ["a", -1], ["b", -1.5], ["ab", -2],
              ["\u2581", -3], ["\u2581a", -3.5], ["c", -4], ["d", -4], ["e", -4], ["f", -4],
              ["g", -4], ["h", -4]]}]
      }
      """;
}
