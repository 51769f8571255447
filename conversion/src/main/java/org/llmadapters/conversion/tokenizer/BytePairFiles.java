package org.llmadapters.conversion.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tokenizer.TokenizerSettings.AddedToken;
import org.llmadapters.graph.FormatException;

/**
 * GPT-2's two files, made into the {@code tokenizer.json} that says the same.
 *
 * <pre>
 *   vocab.json   {"!": 0, "\u0120the": 5, ...}   every piece and its id
 *   merges.txt   #version: 0.2                   a line to be passed over, if it is there
 *                \u0120 t                        two pieces that make one, best first
 * </pre>
 *
 * <p>Pieces are bytes in GPT-2's alphabet of visible characters. Text is cut by GPT-2's pattern
 * first. Nothing is put around a text unless {@code add_bos_token} is true.
 *
 * <p>OPT's vocabulary, which metaseq published without any settings, is known by {@code <s>},
 * {@code <pad>} and {@code </s>} at 0, 1 and 2: it then begins a text with {@code </s>}, as OPT's
 * published {@code tokenizer_config.json} says. Special tokens that no file lists are text where
 * they are written out, as with {@code tokenizer.model}; but where {@code tokenizer_class} is
 * {@code GPT2Tokenizer}, it has {@code <|endoftext|>}.
 */
final class BytePairFiles {
  /** Name of the file with the pieces. */
  static final String VOCAB = "vocab.json";

  /** Name of the file with the merges. */
  static final String MERGES = "merges.txt";

  private static final String END_OF_TEXT = "<|endoftext|>";
  private static final Map<String, Integer> OPT = Map.of("<s>", 0, "<pad>", 1, "</s>", 2);

  private final Path directory;
  private final TokenizerSettings settings;
  private final Map<String, Integer> vocab;

  private BytePairFiles(Path directory, TokenizerSettings settings, Map<String, Integer> vocab) {
    this.directory = directory;
    this.settings = settings;
    this.vocab = vocab;
  }

  /**
   * The tokenizer in {@code directory}; the caller closes.
   *
   * @throws FormatException if one of the files is malformed or they do not fit each other
   * @throws IOException if reading fails
   */
  static Tokenizer load(Path directory, TokenizerSettings settings) throws IOException {
    ObjectNode vocabJson = Json.readObject(directory.resolve(VOCAB));
    Map<String, Integer> vocab = ids(directory.resolve(VOCAB), vocabJson);
    boolean opt = OPT.entrySet().stream().allMatch(e -> e.getValue().equals(vocab.get(e.getKey())));
    TokenizerSettings complete =
        settings.withDefaults(directory.resolve(VOCAB), opt ? "</s>" : END_OF_TEXT, opt);
    return new BytePairFiles(directory, complete, vocab).tokenizer(vocabJson);
  }

  private static Map<String, Integer> ids(Path file, ObjectNode vocab) {
    Map<String, Integer> ids = new HashMap<>();
    Map<Integer, String> pieces = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
      JsonNode id = entry.getValue();
      if (!Tokenizers.isId(id)) {
        throw new FormatException(
            file,
            "the id of \"%s\" must be between 0 and %d, got %s",
            entry.getKey(),
            Tokenizers.MAX_ID,
            Json.describe(id));
      }
      String other = pieces.put(id.intValue(), entry.getKey());
      if (other != null) {
        throw new FormatException(
            file, "\"%s\" and \"%s\" have the same id %d", other, entry.getKey(), id.intValue());
      }
      ids.put(entry.getKey(), id.intValue());
    }
    if (ids.isEmpty()) {
      throw new FormatException(file, "has no pieces");
    }
    return ids;
  }

  private Tokenizer tokenizer(ObjectNode vocabJson) throws IOException {
    ObjectNode json = Json.object();
    json.put("version", "1.0");
    json.putNull("truncation").putNull("padding").putNull("normalizer");
    json.set("added_tokens", addedTokens());
    json.set("pre_tokenizer", byteLevel(settings.addPrefixSpace().orElse(false)));
    json.set("post_processor", postProcessor());
    json.set("decoder", byteLevel(true));
    ObjectNode model = json.putObject("model");
    model.put("type", "BPE");
    model.putNull("dropout").putNull("unk_token");
    model.put("continuing_subword_prefix", "").put("end_of_word_suffix", "");
    model.put("fuse_unk", false).put("byte_fallback", false);
    model.set("vocab", vocabJson);
    model.set("merges", merges());
    return JsonTokenizer.of(directory.resolve(VOCAB), json, settings);
  }

  private static ObjectNode byteLevel(boolean addPrefixSpace) {
    ObjectNode json = Json.object();
    json.put("type", "ByteLevel").put("add_prefix_space", addPrefixSpace);
    return json.put("trim_offsets", true).put("use_regex", true);
  }

  private ArrayNode merges() throws IOException {
    Path file = directory.resolve(MERGES);
    ArrayNode merges = Json.object().putArray("merges");
    List<String> lines = Json.readText(file).lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
        continue;
      }
      String[] pieces = line.split(" ", -1);
      if (pieces.length != 2 || pieces[0].isEmpty() || pieces[1].isEmpty()) {
        throw new FormatException(
            file, "line %d must hold two pieces with a space between, got \"%s\"", i + 1, line);
      }
      for (String piece : List.of(pieces[0], pieces[1], pieces[0] + pieces[1])) {
        if (!vocab.containsKey(piece)) {
          throw new FormatException(
              file, "line %d needs the piece \"%s\", which %s lacks", i + 1, piece, VOCAB);
        }
      }
      merges.add(line);
    }
    return merges;
  }

  /**
   * The tokens that the settings list, in the order of their ids. One that is not in the vocabulary
   * must have the next id after it; one without an id and not in the vocabulary is passed over.
   */
  private ArrayNode addedTokens() {
    List<Map.Entry<String, Integer>> known = new ArrayList<>();
    settings
        .addedTokens()
        .forEach(
            (text, token) ->
                Optional.ofNullable(vocab.get(text))
                    .or(token::id)
                    .ifPresent(id -> known.add(Map.entry(text, id))));
    known.sort(Map.Entry.comparingByValue(Comparator.naturalOrder()));
    ArrayNode list = Json.object().putArray("added_tokens");
    Set<Integer> taken = new HashSet<>(vocab.values());
    int next = 1 + vocab.values().stream().mapToInt(id -> id).max().orElse(-1);
    for (Map.Entry<String, Integer> entry : known) {
      if (!vocab.containsKey(entry.getKey()) && entry.getValue() != next) {
        throw new FormatException(
            addedFile(entry.getKey()),
            "the added token \"%s\" has the id %d, %s",
            entry.getKey(),
            entry.getValue(),
            taken.contains(entry.getValue())
                ? "which is another's"
                : "but the next id after the vocabulary is " + next);
      }
      if (!vocab.containsKey(entry.getKey())) {
        taken.add(next++);
      }
      AddedToken token = settings.addedTokens().get(entry.getKey());
      ObjectNode json = list.addObject();
      json.put("id", entry.getValue()).put("content", entry.getKey());
      json.put("single_word", false);
      json.put("lstrip", token != null && token.lstrip());
      json.put("rstrip", token != null && token.rstrip());
      json.put("normalized", false);
      json.put("special", token != null && token.special());
    }
    return list;
  }

  private Path addedFile(String text) {
    AddedToken token = settings.addedTokens().get(text);
    return token == null ? directory.resolve(VOCAB) : token.file();
  }

  private ObjectNode postProcessor() {
    String bos = settings.bosToken().orElse("");
    Integer id = vocab.get(bos);
    if (!settings.addBosToken().orElse(false)) {
      return byteLevel(true);
    }
    if (id == null) {
      throw new FormatException(
          directory.resolve(VOCAB), "lacks the bos_token \"%s\" that begins a text", bos);
    }
    ObjectNode json = Json.object();
    json.put("type", "TemplateProcessing");
    for (String template : List.of("single", "pair")) {
      ArrayNode parts = json.putArray(template);
      for (String sequence : template.equals("single") ? List.of("A") : List.of("A", "B")) {
        parts.addObject().putObject("SpecialToken").put("id", bos).put("type_id", 0);
        parts.addObject().putObject("Sequence").put("id", sequence).put("type_id", 0);
      }
    }
    ObjectNode special = json.putObject("special_tokens").putObject(bos);
    special.put("id", bos);
    special.putArray("ids").add(id);
    special.putArray("tokens").add(bos);
    return json;
  }
}
