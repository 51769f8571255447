package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

/**
 * {@link TokenizerComponents#charsMap} makes {@code ab} of {@code q}; the trie begins at byte 4.
 */
final class CharsMapTest {
  private static final int TRIE = 4;
  private static final int Q = TRIE + 4 * (256 ^ 'q');
  private static final int VALUE = TRIE + 4 * 257;
  private static final int TEXT = TRIE + 4 * 512;

  @TempDir Path directory;

  private static byte[] with(int at, int value) {
    return ByteBuffer.wrap(TokenizerComponents.charsMap())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(at, value)
        .array();
  }

  private static byte[] withByte(int at, int value) {
    byte[] map = TokenizerComponents.charsMap();
    map[at] = (byte) value;
    return map;
  }

  private static void assertRefused(byte[] map, String problem) {
    assertThatThrownBy(() -> CharsMap.check(map))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("precompiled_charsmap: " + problem);
  }

  @Test
  void sentencePieceAppliesAMapThatPasses() throws IOException {
    CharsMap.check(TokenizerComponents.charsMap());
    TinyTokenizers.writeModel(directory, TokenizerComponents.charsMap());
    try (Tokenizer tokenizer = Tokenizers.load(directory).orElseThrow()) {
      assertThat(tokenizer.encode("q", false)).isEqualTo(tokenizer.encode("ab", false));
    }
  }

  @Test
  void refusesPathsThatLeadOut() {
    assertRefused(with(TRIE, 512 << 10), "its trie leads to 512 of 512");
    assertRefused(with(Q, 1024 << 10 | 1 << 8 | 'q'), "its trie leads to 1393 of 512");
    assertRefused(with(VALUE, 1 << 31 | 3), "its trie names a replacement at 3 of 3");
    assertRefused(with(VALUE, -1), "its trie names a replacement at 2147483647 of 3");
  }

  @Test
  void refusesTextThatIsNotEndedOrNotUtf8() {
    assertRefused(withByte(TEXT + 2, 'c'), "its last replacement has no end");
    assertRefused(withByte(TEXT, 0xff), "not UTF-8");
    byte[] start = TokenizerComponents.charsMap();
    start[TEXT] = (byte) 0xc3;
    start[TEXT + 1] = (byte) 0xa9;
    CharsMap.check(start);
    ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).putInt(VALUE, 1 << 31 | 1);
    assertRefused(start, "its trie names a replacement at 1 of 3");
  }

  @Test
  void refusesSizesThatDoNotFit() {
    byte[] map = TokenizerComponents.charsMap();
    assertRefused(new byte[3], "it has 3 bytes, expected 4 to 4194304");
    assertRefused(new byte[(4 << 20) + 1], "it has 4194305 bytes, expected 4 to 4194304");
    assertRefused(with(0, -4), "its trie has 4294967292 bytes");
    assertRefused(with(0, 6), "its trie has 6 bytes");
    assertRefused(with(0, 2056), "its trie has 2056 bytes");
    byte[] small = Arrays.copyOfRange(map, 0, 4 + 4 * 4);
    ByteBuffer.wrap(small).order(ByteOrder.LITTLE_ENDIAN).putInt(0, 16);
    assertRefused(small, "its trie leads to 256 of 4");
    byte[] wide = Arrays.copyOf(map, map.length + 1030);
    Arrays.fill(wide, map.length, wide.length - 1, (byte) 'x');
    assertRefused(wide, "a replacement has more than 1024 bytes");
  }

  @Test
  void aModelWithABadMapIsRefused() throws IOException {
    Path file = TinyTokenizers.writeModel(directory, with(TRIE, 512 << 10));
    assertThatThrownBy(() -> Tokenizers.load(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": is not a SentencePiece model: precompiled_charsmap: its trie leads to 512 of"
                + " 512");
  }
}
