package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LibdeviceTest {
  private static final int SIZE = 4000;

  @TempDir private Path directory;
  private final byte[] bitcode = new byte[SIZE];
  private Libdevice.Bitcode wanted = new Libdevice.Bitcode(0, "");

  @BeforeEach
  void makeBitcode() throws Exception {
    new Random(1).nextBytes(bitcode);
    magic(bitcode);
    wanted =
        new Libdevice.Bitcode(
            SIZE, HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bitcode)));
  }

  private static void magic(byte[] bytes) {
    bytes[0] = 'B';
    bytes[1] = 'C';
    bytes[2] = (byte) 0xC0;
    bytes[3] = (byte) 0xDE;
  }

  /** Other bitcode before and behind it, one byte off, and a beginning at the very end. */
  private byte[] library(boolean withBitcode) {
    byte[] almost = bitcode.clone();
    almost[SIZE - 1] ^= 1;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(new byte[777]);
    bytes.writeBytes(almost);
    bytes.writeBytes(Arrays.copyOf(bitcode, 5));
    if (withBitcode) {
      bytes.writeBytes(bitcode);
    }
    bytes.writeBytes(almost);
    bytes.writeBytes(Arrays.copyOf(bitcode, 4));
    return bytes.toByteArray();
  }

  private Path provide(byte[] library) throws IOException {
    Files.write(directory.resolve("libnvrtc.so.12"), library);
    Libdevice.provide(directory, wanted);
    return directory.resolve("nvvm/libdevice/libdevice.10.bc");
  }

  @Test
  void cutsTheBitcodeOutFromAmongOthers() throws IOException {
    Path file = provide(library(true));
    assertThat(file).hasBinaryContent(bitcode);
    try (Stream<Path> files = Files.list(directory.resolve("nvvm/libdevice"))) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void writesNothingWhereTheLibraryHasOtherBitcodeAlone() throws IOException {
    assertThat(provide(library(false))).doesNotExist();
    assertThat(provide(new byte[0])).doesNotExist();
  }

  @Test
  void leavesAGoodFileAloneAndRepairsABadOne() throws IOException {
    Path file = provide(library(true));
    Files.delete(directory.resolve("libnvrtc.so.12")); // not needed again
    Libdevice.provide(directory, wanted);
    assertThat(file).hasBinaryContent(bitcode);

    byte[] damaged = bitcode.clone();
    damaged[1234] ^= 4;
    Files.write(file, damaged);
    assertThat(provide(library(true))).hasBinaryContent(bitcode);
  }
}
