package org.llmadapters.conversion.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;

/** {@code tokenizer.json}, run by Hugging Face's own library; it never pads or truncates here. */
final class JsonTokenizer implements Tokenizer {
  private static final Map<String, String> OPTIONS =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "true");

  private final Path file;
  private final HuggingFaceTokenizer tokenizer;
  private final OptionalInt bosId;
  private final OptionalInt eosId;
  private final OptionalInt padId;
  private final int vocabSize;
  private final Optional<SpecialIds> ownSpecialIds;

  /** What to put around a text in place of what {@code post_processor} says. */
  private record SpecialIds(OptionalInt before, OptionalInt after) {}

  private JsonTokenizer(
      Path file,
      HuggingFaceTokenizer tokenizer,
      OptionalInt bosId,
      OptionalInt eosId,
      OptionalInt padId,
      int vocabSize,
      Optional<SpecialIds> ownSpecialIds) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.bosId = bosId;
    this.eosId = eosId;
    this.padId = padId;
    this.vocabSize = vocabSize;
    this.ownSpecialIds = ownSpecialIds;
  }

  static JsonTokenizer load(Path file, TokenizerSettings settings) throws IOException {
    return of(file, Json.readObject(file), settings);
  }

  /** The tokenizer that {@code json} describes; {@code file} is for messages. */
  static JsonTokenizer of(Path file, ObjectNode json, TokenizerSettings settings)
      throws IOException {
    TokenizerJsonCheck.check(file, json);
    json.putNull("truncation").putNull("padding");
    Map<String, Integer> ids = ids(file, json);
    OptionalInt bos = idOf(settings.bosToken(), ids);
    OptionalInt eos = idOf(settings.eosToken(), ids);
    OptionalInt pad = idOf(settings.padToken(), ids);
    int vocabSize = 1 + ids.values().stream().mapToInt(id -> id).max().orElse(-1);
    HuggingFaceTokenizer tokenizer =
        call(
            file,
            () -> HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(bytes(json)), OPTIONS));
    return new JsonTokenizer(
        file, tokenizer, bos, eos, pad, vocabSize, ownSpecialIds(file, settings, bos, eos));
  }

  private static byte[] bytes(ObjectNode json) {
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static <T> T call(Path file, Callable<T> nativeCall) {
    try {
      return nativeCall.call();
    } catch (Exception e) { // RuntimeException itself is what the library throws
      throw new FormatException(file, "is not a tokenizer: " + e.getMessage(), e);
    }
  }

  private static Map<String, Integer> ids(Path file, ObjectNode json) {
    Map<String, Integer> ids = new HashMap<>();
    JsonNode vocab = json.path("model").path("vocab");
    if (vocab.isArray()) { // Unigram: [[piece, score], ...]
      for (int id = 0; id < vocab.size(); id++) {
        ids.put(vocab.get(id).path(0).asText(), id);
      }
    } else {
      vocab.properties().forEach(entry -> ids.put(entry.getKey(), id(file, entry.getValue())));
    }
    for (JsonNode token : json.path("added_tokens")) {
      ids.put(token.path("content").asText(), id(file, token.path("id")));
    }
    return ids;
  }

  private static int id(Path file, JsonNode node) {
    if (!Tokenizers.isId(node)) {
      throw new FormatException(
          file, "is not a tokenizer: a token has the id %s", Json.describe(node));
    }
    return node.intValue();
  }

  private static OptionalInt idOf(Optional<String> token, Map<String, Integer> ids) {
    Optional<Integer> id = token.flatMap(text -> Optional.ofNullable(ids.get(text)));
    return id.map(OptionalInt::of).orElse(OptionalInt.empty());
  }

  /**
   * transformers lets {@code add_bos_token} and {@code add_eos_token} override {@code
   * post_processor}, for LLaMA's tokenizer classes only.
   */
  private static Optional<SpecialIds> ownSpecialIds(
      Path file, TokenizerSettings settings, OptionalInt bos, OptionalInt eos) {
    boolean llama =
        settings
            .tokenizerClass()
            .map(name -> name.startsWith("LlamaTokenizer") || name.startsWith("CodeLlama"))
            .orElse(false);
    if (!llama || (settings.addBosToken().isEmpty() && settings.addEosToken().isEmpty())) {
      return Optional.empty();
    }
    boolean addBos = settings.addBosToken().orElse(true);
    boolean addEos = settings.addEosToken().orElse(false);
    if ((addBos && bos.isEmpty()) || (addEos && eos.isEmpty())) {
      throw new FormatException(
          file, "has no bos_token or eos_token, but tokenizer_config.json says to add it");
    }
    return Optional.of(
        new SpecialIds(addBos ? bos : OptionalInt.empty(), addEos ? eos : OptionalInt.empty()));
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    boolean own = addSpecialTokens && ownSpecialIds.isPresent();
    String wellFormed = Tokenizers.wellFormed(text);
    Encoding encoding =
        call(file, () -> tokenizer.encode(wellFormed, addSpecialTokens && !own, false));
    IntStream ids = LongStream.of(encoding.getIds()).mapToInt(id -> (int) id);
    if (own) {
      ids = IntStream.concat(ownSpecialIds.get().before().stream(), ids);
      ids = IntStream.concat(ids, ownSpecialIds.get().after().stream());
    }
    return ids.toArray();
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    Tokenizers.requireNotNegative(ids);
    // The library skips what tokenizer.json lists as special, which need not name these two.
    long[] known =
        IntStream.of(ids)
            .filter(id -> id < vocabSize)
            .filter(id -> !skipSpecialTokens || !(is(bosId, id) || is(eosId, id)))
            .asLongStream()
            .toArray();
    return call(file, () -> tokenizer.decode(known, skipSpecialTokens));
  }

  private static boolean is(OptionalInt special, int id) {
    return special.isPresent() && special.getAsInt() == id;
  }

  @Override
  public OptionalInt bosId() {
    return bosId;
  }

  @Override
  public OptionalInt eosId() {
    return eosId;
  }

  @Override
  public OptionalInt padId() {
    return padId;
  }

  @Override
  public int vocabSize() {
    return vocabSize;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
