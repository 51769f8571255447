package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.TokenScorer.Sequence;

/**
 * How badly a model predicts a text.
 *
 * <p>The text is gone over in windows that start a stride apart. In each, only the tokens that no
 * earlier window had are counted, so that all but the first see at least {@code max_length -
 * stride} tokens before them:
 *
 * <pre>
 *   max_length 4, stride 2:   0 1 2 3 4 5 6
 *                             . 1 2 3
 *                                 . . 4 5
 *                                     . . 6
 * </pre>
 *
 * With a stride of max_length the windows are disjoint. The first token of a text, and of each of
 * disjoint windows, is predicted by nothing and not counted; a tokenizer that begins a text with a
 * token of its own (BOS) has the text's first token counted.
 *
 * <p>Source: Hugging Face transformers, "Perplexity of fixed-length models"; for words and bytes
 * {@code word_perplexity}, {@code byte_perplexity} and {@code bits_per_byte} of
 * EleutherAI/lm-evaluation-harness ({@code weighted_perplexity} and {@code bits_per_byte} in {@code
 * lm_eval/api/metrics.py}, words {@code len(re.split(r"\s+", text))}).
 *
 * @param logLikelihood sum of the natural logarithms of the counted tokens' probabilities
 * @param tokens counted tokens, at least 1
 * @param windows over the text
 * @param words of the text: one more than there are runs of white space
 * @param bytes of the text in UTF-8
 * @param seconds it took
 */
public record Perplexity(
    double logLikelihood, long tokens, int windows, long words, long bytes, double seconds) {
  /** Windows handed over at once: enough to fill batches, few enough to fit in memory. */
  private static final int WINDOWS_AT_ONCE = 256;

  /**
   * The perplexity of {@code text} with the adapters that {@code scorer} uses.
   *
   * @throws IllegalArgumentException if the text has fewer than two tokens, or a window more than
   *     the model takes
   */
  public static Perplexity of(
      TokenScorer scorer, Tokenizer tokenizer, String text, PerplexityConfig config) {
    int[] tokens = tokenizer.encode(text, true);
    if (tokens.length < 2) {
      throw new IllegalArgumentException(
          "a text needs two tokens or more to predict one of them, got " + tokens.length);
    }
    long start = System.nanoTime();
    double sum = 0;
    long counted = 0;
    List<Window> windows = windows(tokens.length, config);
    try (Progress progress = Progress.start("perplexity", windows.size(), "windows")) {
      for (int from = 0; from < windows.size(); from += WINDOWS_AT_ONCE) {
        List<Sequence> sequences =
            windows.subList(from, Math.min(from + WINDOWS_AT_ONCE, windows.size())).stream()
                .map(window -> window.of(tokens))
                .toList();
        for (double part :
            scorer.score(
                sequences, config.batchSize(), finished -> progress.advance(finished.size()))) {
          sum += part;
        }
        counted += sequences.stream().mapToLong(Sequence::scored).sum();
      }
    }
    return new Perplexity(
        sum,
        counted,
        windows.size(),
        words(text),
        utf8Bytes(text),
        Math.max(1e-9, (System.nanoTime() - start) / 1e9));
  }

  /**
   * A part of a text.
   *
   * @param begin its first token
   * @param end behind its last token
   * @param firstCounted its first token that is counted
   */
  private record Window(int begin, int end, int firstCounted) {
    Sequence of(int[] tokens) {
      return new Sequence(Arrays.stream(tokens, begin, end).boxed().toList(), firstCounted - begin);
    }
  }

  private static List<Window> windows(int length, PerplexityConfig config) {
    List<Window> windows = new ArrayList<>();
    int counted = 0;
    for (int begin = 0; counted < length; begin += config.stride()) {
      int end = Math.min(begin + config.maxLength(), length);
      int first = Math.max(counted, begin + 1);
      if (first < end) {
        windows.add(new Window(begin, end, first));
      }
      counted = end;
    }
    return windows;
  }

  private static long words(String text) {
    long words = 1;
    boolean space = false;
    for (int i = 0; i < text.length(); i++) {
      boolean before = space;
      space = ContinuationEncoder.isSpace(text.charAt(i));
      words += space && !before ? 1 : 0;
    }
    return words;
  }

  private static long utf8Bytes(String text) {
    return text.codePoints()
        .mapToLong(c -> c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
        .sum();
  }

  /** {@code exp(-logLikelihood / tokens)}. */
  public double tokenPerplexity() {
    return Math.exp(-logLikelihood / tokens);
  }

  /** {@code exp(-logLikelihood / words)}. */
  public double wordPerplexity() {
    return Math.exp(-logLikelihood / words);
  }

  /** {@code exp(-logLikelihood / bytes)}. */
  public double bytePerplexity() {
    return Math.exp(-logLikelihood / bytes);
  }

  /** {@code -logLikelihood / (bytes * ln 2)}. */
  public double bitsPerByte() {
    return -logLikelihood / (bytes * Math.log(2));
  }

  /** All figures. */
  ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("perplexity", tokenPerplexity());
    json.put("word_perplexity", wordPerplexity());
    json.put("byte_perplexity", bytePerplexity());
    json.put("bits_per_byte", bitsPerByte());
    json.put("log_likelihood", logLikelihood);
    json.put("tokens", tokens);
    json.put("words", words);
    json.put("bytes", bytes);
    json.put("windows", windows);
    json.put("seconds", Math.round(seconds * 1e3) / 1e3);
    json.put("tokens_per_second", Math.round(tokens / seconds * 10) / 10.0);
    return json;
  }

  /** The main figures for people. */
  String text() {
    return String.format(
        Locale.ROOT,
        "perplexity %.4f per token, %.4f per word, %.4f per byte, %.4f bits per byte (%d tokens, %d"
            + " words, %d bytes; %.0f tokens/s)",
        tokenPerplexity(),
        wordPerplexity(),
        bytePerplexity(),
        bitsPerByte(),
        tokens,
        words,
        bytes,
        tokens / seconds);
  }
}
