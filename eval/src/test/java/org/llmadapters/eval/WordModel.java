package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;

/**
 * A tiny LLaMA with a token for each word. Texts begin with the word 1; decoding puts a space
 * between two words.
 */
final class WordModel {
  static final int HIDDEN_SIZE = 16;

  private WordModel() {}

  /**
   * Makes the base SavedModel in {@code directory}, with its tokenizer.
   *
   * @param words the first three are special: unknown, beginning, end
   * @param end the word that ends an answer
   */
  static Path write(Path directory, List<String> words, int end, Function<Weight, float[]> values)
      throws IOException {
    ModelConfig config =
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(words.size(), HIDDEN_SIZE, 4, 1, 256),
                new AttentionConfig(2, 2, HIDDEN_SIZE / 2),
                new TokenIds(OptionalInt.of(1), List.of(end), OptionalInt.empty()));
    Path checkpoint = Files.createDirectories(directory.resolve("checkpoint"));
    Json.write(checkpoint.resolve(HfConfig.FILE), HfConfig.toJson(config, WeightDtype.FLOAT32));
    writeTokenizer(checkpoint.resolve("tokenizer.json"), words);
    List<Weight> weights = Architecture.build(config, WeightDtype.FLOAT32).weights();
    List<SafetensorsWriter.Entry> entries =
        weights.stream()
            .map(
                weight ->
                    new SafetensorsWriter.Entry(weight.name(), weight.dtype(), weight.shape()))
            .toList();
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            checkpoint.resolve("model.safetensors"), entries, SafetensorsWriter.METADATA)) {
      for (Weight weight : weights) {
        writer.write(weight.name(), values.apply(weight));
      }
      writer.commit();
    }
    Path model = directory.resolve("model");
    Converter.convert(checkpoint, model, false);
    return model;
  }

  /** Words between white space. */
  private static void writeTokenizer(Path file, List<String> words) throws IOException {
    ObjectNode json = Json.readObject(Files.writeString(file, TOKENIZER));
    ObjectNode vocab = (ObjectNode) json.path("model").path("vocab");
    for (int id = 0; id < words.size(); id++) {
      vocab.put(words.get(id), id);
    }
    Json.write(file, json);
  }

  private static final String TOKENIZER =
      """
      {
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [
          {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
          {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
          {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}
        ],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing",
          "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}],
          "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
          "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {}}
      }
      """;
}
