package org.llmadapters.conversion.tokenizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.conversion.files.Json;

/**
 * The same byte-pair vocabulary of 267 in both formats: {@code <unk>} 0, {@code <s>} 1, {@code
 * </s>} 2, the bytes 3-258, then {@link #PIECES} from 259 on.
 */
final class TinyTokenizers {
  /** With {@code _} for a space; the later ones are merged from those before. */
  static final List<String> PIECES = List.of("_", "a", "b", "l", "_a", "ab", "_ab", "la");

  static final int FIRST = 259;

  private TinyTokenizers() {}

  private static String piece(int i) {
    return PIECES.get(i).replace('_', '\u2581');
  }

  private interface Body {
    void writeTo(CodedOutputStream out) throws IOException;
  }

  private static void message(CodedOutputStream out, int field, Body body) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream inner = CodedOutputStream.newInstance(bytes);
    body.writeTo(inner);
    inner.flush();
    out.writeByteArray(field, bytes.toByteArray());
  }

  private static void piece(CodedOutputStream out, String text, float score, int type)
      throws IOException {
    message(
        out,
        1,
        piece -> {
          piece.writeString(1, text);
          piece.writeFloat(2, score);
          piece.writeEnum(3, type);
        });
  }

  /** Writes {@code tokenizer.model}. */
  static Path writeModel(Path directory) throws IOException {
    return writeModel(directory, new byte[0]);
  }

  /** Writes {@code tokenizer.model} with a {@code precompiled_charsmap}. */
  static Path writeModel(Path directory, byte[] charsMap) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    piece(out, "<unk>", 0, 2);
    piece(out, "<s>", 0, 3);
    piece(out, "</s>", 0, 3);
    for (int i = 0; i < 256; i++) {
      piece(out, String.format("<0x%02X>", i), 0, 6);
    }
    for (int i = 0; i < PIECES.size(); i++) {
      piece(out, piece(i), -i, 1);
    }
    message(
        out,
        2,
        trainer -> {
          trainer.writeEnum(3, 2); // model_type: BPE
          trainer.writeBool(35, true); // byte_fallback
          trainer.writeInt32(41, 1);
          trainer.writeInt32(42, 2);
        });
    message(
        out,
        3,
        normalizer -> {
          normalizer.writeString(1, "identity");
          normalizer.writeByteArray(2, charsMap);
          normalizer.writeBool(3, true); // add_dummy_prefix
          normalizer.writeBool(4, false); // remove_extra_whitespaces
        });
    out.flush();
    return Files.write(directory.resolve("tokenizer.model"), bytes.toByteArray());
  }

  /** Writes {@code tokenizer.json}, with truncation and padding that must not have any effect. */
  static Path writeJson(Path directory) throws IOException {
    ObjectNode json = Json.readObject(Files.writeString(directory.resolve("tokenizer.json"), JSON));
    ObjectNode vocab = (ObjectNode) json.path("model").path("vocab");
    for (int i = 0; i < 256; i++) {
      vocab.put(String.format("<0x%02X>", i), 3 + i);
    }
    for (int i = 0; i < PIECES.size(); i++) {
      vocab.put(piece(i), FIRST + i);
    }
    Path file = directory.resolve("tokenizer.json");
    Json.write(file, json);
    return file;
  }

  private static final String JSON =
      """
      {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
          "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"},
        "added_tokens": [
          {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
          {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
          {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}
        ],
        "normalizer": {"type": "Sequence", "normalizers": [
          {"type": "Prepend", "prepend": "\u2581"},
          {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
          "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}],
          "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
          "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
          {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
          {"type": "ByteFallback"}, {"type": "Fuse"},
          {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
          "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
          "byte_fallback": true, "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2},
          "merges": ["\u2581 a", "a b", "\u2581a b", "\u2581 ab", "l a"]}
      }
      """;
}
