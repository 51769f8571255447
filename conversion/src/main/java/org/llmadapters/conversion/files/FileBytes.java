package org.llmadapters.conversion.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.llmadapters.graph.FormatException;

/** Reads bytes at a position of an open file. */
public final class FileBytes {
  private FileBytes() {}

  /**
   * Fills {@code target} from its position to its limit with the bytes from {@code offset} on.
   *
   * @param file for messages
   * @throws FormatException if the file ends before
   * @throws IOException if reading fails
   */
  public static void read(Path file, FileChannel channel, long offset, ByteBuffer target)
      throws IOException {
    long position = offset;
    while (target.hasRemaining()) {
      int count = channel.read(target, position);
      if (count < 0) {
        throw new FormatException(file, "ends at byte %d: was it changed meanwhile?", position);
      }
      position += count;
    }
  }
}
