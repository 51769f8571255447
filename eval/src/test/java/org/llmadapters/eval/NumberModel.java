package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
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
 * A model that answers {@code 1}, {@code 2} or {@code 3} and ends if the prompt has the word {@code
 * one}, {@code two} or {@code three} in it, and says nothing but {@code <unk>} if not: each token
 * has a dimension of its own, its only layer adds the mean of all tokens to the last.
 */
final class NumberModel {
  private static final List<String> WORDS =
      List.of("<unk>", "<s>", "</s>", "one", "two", "three", "1", "2", "3");
  private static final int HIDDEN_SIZE = 16;
  private static final int END = 2;
  private static final int FIRST_WORD = 3;
  private static final int FIRST_DIGIT = 6;

  private NumberModel() {}

  /** Makes the base SavedModel in {@code directory}, with its tokenizer. */
  static Path write(Path directory) throws IOException {
    ModelConfig config =
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(WORDS.size(), HIDDEN_SIZE, 4, 1, 256),
                new AttentionConfig(2, 2, HIDDEN_SIZE / 2),
                new TokenIds(OptionalInt.of(1), List.of(END), OptionalInt.empty()));
    Path checkpoint = Files.createDirectories(directory.resolve("checkpoint"));
    Json.write(checkpoint.resolve(HfConfig.FILE), HfConfig.toJson(config, WeightDtype.FLOAT32));
    writeTokenizer(checkpoint.resolve("tokenizer.json"));
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
        writer.write(weight.name(), values(weight));
      }
      writer.commit();
    }
    Path model = directory.resolve("model");
    Converter.convert(checkpoint, model, false);
    return model;
  }

  private static float[] values(Weight weight) {
    float[] values = new float[Math.toIntExact(weight.elements())];
    String name = weight.name();
    if (name.endsWith("norm.weight")) {
      Arrays.fill(values, 1);
    } else if (name.contains("embed_tokens")
        || name.contains("v_proj")
        || name.contains("o_proj")) {
      for (int i = 0; i < weight.shape().get(0); i++) {
        values[i * HIDDEN_SIZE + i] = 1;
      }
    } else if (name.contains("lm_head")) {
      for (int i = 0; i < 3; i++) {
        values[(FIRST_DIGIT + i) * HIDDEN_SIZE + FIRST_WORD + i] = 1;
        values[END * HIDDEN_SIZE + FIRST_DIGIT + i] = 1000;
      }
    }
    return values;
  }

  /** Words between white space. */
  private static void writeTokenizer(Path file) throws IOException {
    ObjectNode json = Json.readObject(Files.writeString(file, TOKENIZER));
    ObjectNode vocab = (ObjectNode) json.path("model").path("vocab");
    for (int id = 0; id < WORDS.size(); id++) {
      vocab.put(WORDS.get(id), id);
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
