package org.llmadapters.conversion.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.BitSet;

/**
 * SentencePiece's {@code precompiled_charsmap}, which native code walks without looking at its
 * bounds:
 *
 * <pre>
 *   uint32 (little endian)   bytes of the trie
 *   uint32 ...               the trie, a double array: a node's child for the byte b is at node ^ b
 *                            bits 0-7 label (bit 31 set in a value), 8 has a value, 9 wide, 10- offset
 *   UTF-8                    replacements, each ended by a zero byte; a value is where one begins
 * </pre>
 *
 * <p>Source: github.com/google/sentencepiece, {@code src/normalizer.cc}; darts-clone.
 */
final class CharsMap {
  private static final int MAX_BYTES = 4 << 20;

  /** The longest in Unicode's own compatibility decompositions has 33. */
  private static final int MAX_REPLACEMENT_BYTES = 1024;

  private static final int LABEL = 0x800000ff;

  private final IntBuffer trie;
  private final byte[] replacements;
  private final BitSet seen = new BitSet();
  private final ArrayDeque<Integer> nodes = new ArrayDeque<>();

  private CharsMap(IntBuffer trie, byte[] replacements) {
    this.trie = trie;
    this.replacements = replacements;
  }

  /**
   * Follows every path of the map in {@code bytes}.
   *
   * @throws IllegalArgumentException if one leads out of it, or it is not such a map
   */
  static void check(byte[] bytes) {
    if (bytes.length < Integer.BYTES || bytes.length > MAX_BYTES) {
      throw bad("it has " + bytes.length + " bytes, expected 4 to " + MAX_BYTES);
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int trieBytes = buffer.getInt();
    if (trieBytes <= 0 || trieBytes % Integer.BYTES != 0 || trieBytes > buffer.remaining()) {
      throw bad("its trie has " + Integer.toUnsignedString(trieBytes) + " bytes");
    }
    IntBuffer trie = buffer.slice(4, trieBytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    buffer.position(4 + trieBytes);
    byte[] replacements = new byte[buffer.remaining()];
    buffer.get(replacements);
    checkText(replacements);
    new CharsMap(trie, replacements).walk();
  }

  private static void checkText(byte[] replacements) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(replacements));
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("precompiled_charsmap: not UTF-8", e);
    }
    int start = 0;
    for (int i = 0; i < replacements.length; i++) {
      if (i - start > MAX_REPLACEMENT_BYTES) {
        throw bad("a replacement has more than " + MAX_REPLACEMENT_BYTES + " bytes");
      }
      start = replacements[i] == 0 ? i + 1 : start;
    }
    if (start != replacements.length) {
      throw bad("its last replacement has no end");
    }
  }

  private void walk() {
    visit(offset(trie.get(0)));
    while (!nodes.isEmpty()) {
      int node = nodes.pop();
      for (int label = 0; label < 256; label++) {
        int place = node ^ label;
        int unit = trie.get(place);
        if ((unit & LABEL) != label) {
          continue;
        }
        int child = place ^ offset(unit);
        visit(child);
        if ((unit >> 8 & 1) == 1) {
          checkValue(trie.get(child) & Integer.MAX_VALUE);
        }
      }
    }
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }

  /** Any byte may come next, so that all 256 places must be there. */
  private void visit(int node) {
    if ((node | 255) >= trie.limit()) {
      throw bad("its trie leads to " + node + " of " + trie.limit());
    }
    if (!seen.get(node)) {
      seen.set(node);
      nodes.push(node);
    }
  }

  private void checkValue(int at) {
    if (at >= replacements.length || (replacements[at] & 0xc0) == 0x80) {
      throw bad("its trie names a replacement at " + at + " of " + replacements.length);
    }
  }

  private static IllegalArgumentException bad(String what) {
    return new IllegalArgumentException("precompiled_charsmap: " + what);
  }
}
