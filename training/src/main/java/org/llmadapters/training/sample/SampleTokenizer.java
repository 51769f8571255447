package org.llmadapters.training.sample;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A byte-level BPE tokenizer for the {@linkplain WordProblems word problems}, in which every word
 * of theirs, and of the prompt they are asked with, is one token. It encodes any other text as
 * well, byte by byte at worst.
 *
 * <p>The ids, in order:
 *
 * <pre>
 *   0 &lt;unk&gt; (also the padding)   1 &lt;s&gt;   2 &lt;/s&gt;
 *   3..258     the bytes 0..255, as the characters that GPT-2 writes for them (Ġ is the space)
 *   259..      one token per merge, in the order of the merges
 * </pre>
 *
 * <p>A word is merged from left to right: {@code Ġ a p p l e s} by the merges {@code Ġ a}, {@code
 * Ġa p}, {@code Ġap p} and so on. Words with the same beginning share its merges. Words with a
 * space before them come first: thus in {@code ĠTom} the merge {@code Ġ T} wins over {@code T o},
 * which the word {@code Tom} at the start of a text needs. That one does start with a capital, as
 * all words do that stand there, so no merge of theirs applies inside a word.
 *
 * <p>Digits are tokens of their own, so {@code 12} is {@code Ġ}, {@code 1}, {@code 2}. Every
 * encoded text starts with {@code <s>}.
 */
public final class SampleTokenizer {
  private static final String UNKNOWN = "<unk>";
  private static final String BEGIN = "<s>";
  private static final String END = "</s>";

  /** The prompt that asks for the answer to {@code {instruction}}; the output follows it. */
  public static final String PROMPT =
      "Below is an instruction that describes a task. Write a response that appropriately completes"
          + " the request.\n\n### Instruction:\n{instruction}\n\n### Response:\n";

  private final List<String> merges;
  private final Map<String, Integer> vocabulary;

  /** The tokenizer; it depends on nothing but the words of {@link WordProblems}. */
  public SampleTokenizer() {
    Set<String> merges = new LinkedHashSet<>();
    List<String> tokens = new ArrayList<>(List.of(UNKNOWN, BEGIN, END));
    for (int value = 0; value < 256; value++) {
      tokens.add(Character.toString(symbol(value)));
    }
    Set<String> merged = new LinkedHashSet<>();
    for (String word : words()) {
      String symbols = symbols(word);
      for (int end = 1; end < symbols.length(); end++) {
        merges.add(symbols.substring(0, end) + " " + symbols.charAt(end));
        merged.add(symbols.substring(0, end + 1));
      }
    }
    tokens.addAll(merged);
    this.merges = List.copyOf(merges);
    vocabulary = new LinkedHashMap<>();
    tokens.forEach(token -> vocabulary.put(token, vocabulary.size()));
  }

  /** The number of ids. */
  public int vocabSize() {
    return vocabulary.size();
  }

  /**
   * The texts that are one token: first each word with a space before it, then those that can start
   * a line.
   */
  static List<String> words() {
    Set<String> words = new TreeSet<>(Wording.words());
    words.addAll(Wording.wordsOf(PROMPT.replace("{instruction}", "")));
    List<String> all = new ArrayList<>(words.stream().map(word -> " " + word).toList());
    words.stream().filter(word -> Character.isUpperCase(word.charAt(0))).forEach(all::add);
    all.add("###");
    return all;
  }

  /** The content of {@code tokenizer.json}, in the format of Hugging Face's tokenizers. */
  Map<String, @Nullable Object> tokenizer() {
    Map<String, Object> bytes = byteLevel();
    Map<String, Object> digits = new LinkedHashMap<>();
    digits.put("type", "Digits");
    digits.put("individual_digits", true);
    Map<String, Object> split = new LinkedHashMap<>();
    split.put("type", "Sequence");
    split.put("pretokenizers", List.of(digits, bytes));

    Map<String, @Nullable Object> root = new LinkedHashMap<>();
    root.put("version", "1.0");
    root.put("truncation", null);
    root.put("padding", null);
    root.put("added_tokens", addedTokens());
    root.put("normalizer", null);
    root.put("pre_tokenizer", split);
    root.put("post_processor", beginFirst());
    root.put("decoder", bytes);
    root.put("model", model());
    return root;
  }

  private static Map<String, Object> byteLevel() {
    Map<String, Object> bytes = new LinkedHashMap<>();
    bytes.put("type", "ByteLevel");
    bytes.put("add_prefix_space", false);
    bytes.put("trim_offsets", true);
    bytes.put("use_regex", true);
    return bytes;
  }

  private List<Map<String, Object>> addedTokens() {
    List<Map<String, Object>> tokens = new ArrayList<>();
    for (String content : List.of(UNKNOWN, BEGIN, END)) {
      Map<String, Object> token = new LinkedHashMap<>();
      token.put("id", vocabulary.get(content));
      token.put("content", content);
      token.put("single_word", false);
      token.put("lstrip", false);
      token.put("rstrip", false);
      token.put("normalized", false);
      token.put("special", true);
      tokens.add(token);
    }
    return tokens;
  }

  private Map<String, Object> beginFirst() {
    Map<String, Object> special = new LinkedHashMap<>();
    special.put("id", BEGIN);
    special.put("ids", List.of(vocabulary.get(BEGIN)));
    special.put("tokens", List.of(BEGIN));
    Map<String, Object> processor = new LinkedHashMap<>();
    processor.put("type", "TemplateProcessing");
    processor.put("single", List.of(part("SpecialToken", BEGIN, 0), part("Sequence", "A", 0)));
    processor.put(
        "pair",
        List.of(
            part("SpecialToken", BEGIN, 0),
            part("Sequence", "A", 0),
            part("SpecialToken", BEGIN, 1),
            part("Sequence", "B", 1)));
    processor.put("special_tokens", Map.of(BEGIN, special));
    return processor;
  }

  private static Map<String, Object> part(String kind, String id, int type) {
    Map<String, Object> part = new LinkedHashMap<>();
    part.put("id", id);
    part.put("type_id", type);
    return Map.of(kind, part);
  }

  private Map<String, @Nullable Object> model() {
    Map<String, @Nullable Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    model.put("dropout", null);
    model.put("unk_token", null);
    model.put("continuing_subword_prefix", null);
    model.put("end_of_word_suffix", null);
    model.put("fuse_unk", false);
    model.put("byte_fallback", false);
    model.put("ignore_merges", false);
    model.put("vocab", vocabulary);
    model.put("merges", merges);
    return model;
  }

  /** The content of {@code tokenizer_config.json}. */
  static Map<String, Object> tokenizerConfig(int modelMaxLength) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("add_bos_token", true);
    config.put("add_eos_token", false);
    config.putAll(specialTokensMap());
    config.put("clean_up_tokenization_spaces", false);
    config.put("model_max_length", modelMaxLength);
    config.put("tokenizer_class", "PreTrainedTokenizerFast");
    return config;
  }

  /** The content of {@code special_tokens_map.json}. */
  static Map<String, Object> specialTokensMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("bos_token", BEGIN);
    map.put("eos_token", END);
    map.put("pad_token", UNKNOWN);
    map.put("unk_token", UNKNOWN);
    return map;
  }

  private static String symbols(String text) {
    StringBuilder symbols = new StringBuilder();
    for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
      symbols.appendCodePoint(symbol(value & 0xff));
    }
    return symbols.toString();
  }

  /** The character for a byte: itself if it can be seen, else one of those from U+0100 on. */
  private static int symbol(int value) {
    if (canBeSeen(value)) {
      return value;
    }
    int hiddenBefore = 0;
    for (int smaller = 0; smaller < value; smaller++) {
      hiddenBefore += canBeSeen(smaller) ? 0 : 1;
    }
    return 0x100 + hiddenBefore;
  }

  private static boolean canBeSeen(int value) {
    return (value >= '!' && value <= '~')
        || (value >= 0xa1 && value <= 0xac)
        || (value >= 0xae && value <= 0xff);
  }
}
