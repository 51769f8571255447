package org.llmadapters.conversion.export;

import com.google.protobuf.ByteString;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.graph.savedmodel.MaskedCrc32c;

/**
 * Writes a TFRecord file, TensorFlow's container of byte strings. Every record is
 *
 * <pre>
 *   8 bytes   N, the length of the data, little-endian
 *   4 bytes   the masked CRC-32C of these 8 bytes ({@link MaskedCrc32c}), little-endian
 *   N bytes   the data
 *   4 bytes   the masked CRC-32C of the data, little-endian
 * </pre>
 *
 * <p>Source: github.com/tensorflow/tensorflow v2.18.0, {@code tsl/lib/io/record_writer.h}.
 */
final class TfRecordFile {
  private TfRecordFile() {}

  /** Writes {@code records} to {@code file}, a new one. */
  static void write(Path file, List<ByteString> records) throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      for (ByteString data : records) {
        byte[] length = littleEndian(8).putLong(data.size()).array();
        out.write(length);
        out.write(crc(ByteBuffer.wrap(length)));
        data.writeTo(out);
        out.write(crc(data.asReadOnlyByteBuffer()));
      }
    }
  }

  private static byte[] crc(ByteBuffer bytes) {
    return littleEndian(4).putInt(MaskedCrc32c.of(bytes)).array();
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
