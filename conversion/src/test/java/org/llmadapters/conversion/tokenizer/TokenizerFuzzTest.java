package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Mutations;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;

/**
 * Damaged tokenizers, the same in every run: each works, or is refused with a message that names
 * one of its files. A damage that gets past the checks to where native code ends the program ends
 * this test with it.
 */
final class TokenizerFuzzTest {
  private static final long MAX_MILLIS = 5000;
  private static final long MAX_ALLOCATED_BYTES = 256L << 20;

  private static final List<String> TEXTS =
      List.of("", "ab \u00e9<s>q", "  ab</s>  \n<x> aab\u4f60\ud83d\ude00", "aaaaaaaaaaaaaaaaaaaa");

  @TempDir Path directory;

  private int refused;

  @FunctionalInterface
  private interface Damage {
    byte[] to(byte[] file) throws IOException;
  }

  private void damaged(String name, int times, Damage damage) throws IOException {
    Path file = directory.resolve(name);
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < times; i++) {
      Files.write(file, damage.to(whole));
      use(name + " " + i);
    }
    Files.write(file, whole);
  }

  /** Loads, encodes and decodes. */
  private void use(String what) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = threads.getCurrentThreadAllocatedBytes();
    long start = System.nanoTime();
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      for (String text : TEXTS) {
        int[] ids = tokenizer.encode(text, true);
        assertThat(tokenizer.decode(ids, true)).isNotNull();
      }
      int[] all = IntStream.range(0, Math.min(tokenizer.vocabSize(), 300)).toArray();
      assertThat(tokenizer.decode(all, false)).isNotNull();
      for (int id : new int[] {0, 3, 5, 263, 1 << 20}) {
        assertThat(tokenizer.decode(new int[] {id}, false)).isNotNull();
      }
    } catch (FormatException | IllegalArgumentException e) {
      refused++;
      assertThat(e).as(what).hasMessageMatching("(?s).*/[a-z_]+\\.(json|txt|model): .*");
    }
    long millis = (System.nanoTime() - start) / 1_000_000;
    assertThat(millis).as("%s: milliseconds", what).isLessThan(MAX_MILLIS);
    assertThat(threads.getCurrentThreadAllocatedBytes() - allocated)
        .as("%s: allocated bytes", what)
        .isLessThan(MAX_ALLOCATED_BYTES);
  }

  private void assertSomeWereRefused(int times) {
    assertThat(refused).isBetween(times / 10, times - 1);
  }

  @Test
  void tokenizerJson() throws IOException {
    TinyTokenizers.writeJson(directory);
    damaged("tokenizer.json", 150, new Mutations(1)::ofJson);
    damaged("tokenizer.json", 150, new Mutations(2)::ofBytes);
    assertSomeWereRefused(300);
  }

  /** With each kind of component that the library has, several of them at a time. */
  @Test
  void componentsOfTokenizerJson() throws IOException {
    Random random = new Random(3);
    Mutations mutations = new Mutations(4);
    Path file = directory.resolve("tokenizer.json");
    for (int i = 0; i < 700; i++) {
      byte[] whole = TokenizerComponents.any(random).toString().getBytes(StandardCharsets.UTF_8);
      Files.write(file, mutations.ofJson(whole));
      use("components " + i);
    }
    assertSomeWereRefused(700);
  }

  @Test
  void everyComponentWorksUndamaged() throws IOException {
    Path file = directory.resolve("tokenizer.json");
    for (ObjectNode json : TokenizerComponents.each()) {
      Json.write(file, json);
      use(json.toString());
      assertThat(refused).as(json.toString()).isZero();
    }
  }

  @Test
  void tokenizerModel() throws IOException {
    TinyTokenizers.writeModel(directory);
    damaged("tokenizer.model", 300, new Mutations(5)::ofBytes);
    assertSomeWereRefused(300);
  }

  /** Most of its bytes are a character map, so that most damages are to that. */
  @Test
  void tokenizerModelWithCharacterMap() throws IOException {
    TinyTokenizers.writeModel(directory, TokenizerComponents.charsMap());
    damaged("tokenizer.model", 200, new Mutations(6)::ofBytes);
    assertThat(refused).isPositive();
  }

  @Test
  void settingsBesideEachFormat() throws IOException {
    List<String> names =
        List.of("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json");
    Mutations mutations = new Mutations(7);
    for (String format : List.of("pairs", "model", "json")) {
      switch (format) {
        case "pairs" -> TokenizerComponents.writePairs(directory);
        case "model" -> TinyTokenizers.writeModel(directory);
        default -> TinyTokenizers.writeJson(directory);
      }
      TokenizerComponents.writeSettings(directory, format.equals("pairs") ? 8 : 267);
      use(format);
      assertThat(refused).as(format).isZero();
      for (String name : names) {
        damaged(name, 60, mutations::ofJson);
        damaged(name, 30, mutations::ofBytes);
      }
      assertSomeWereRefused(270);
      refused = 0;
    }
  }

  @Test
  void piecesAndMerges() throws IOException {
    TokenizerComponents.writePairs(directory);
    damaged("vocab.json", 100, new Mutations(8)::ofJson);
    damaged("vocab.json", 100, new Mutations(9)::ofBytes);
    damaged("merges.txt", 100, new Mutations(10)::ofBytes);
    assertSomeWereRefused(300);
  }

  /** Tokens of all kinds that lie in each other and beside white space. */
  @Test
  void manyAddedTokens() throws IOException {
    ObjectNode json = TokenizerComponents.any(new Random(11));
    json.putNull("normalizer");
    ArrayNode added = json.putArray("added_tokens");
    for (int i = 0; i < 40; i++) {
      ObjectNode token = added.addObject().put("id", 20 + i).put("content", " ".repeat(i % 5) + i);
      token.put("single_word", i % 2 == 0).put("lstrip", i % 3 == 0).put("rstrip", i % 5 == 0);
      token.put("normalized", i % 7 == 0).put("special", i % 2 == 1);
    }
    Json.write(directory.resolve("tokenizer.json"), json);
    use("undamaged");
    assertThat(refused).isZero();
    damaged("tokenizer.json", 150, new Mutations(12)::ofJson);
    assertThat(refused).isLessThan(150);
  }
}
