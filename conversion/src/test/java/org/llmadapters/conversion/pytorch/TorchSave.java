package org.llmadapters.conversion.pytorch;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.Zip64Mode;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveOutputStream;

/**
 * Writes files as {@code torch.save} does, and pickles that it never would. A pickle is put
 * together instruction by instruction; the dictionary around the tensors is begun at once and ended
 * by {@link #write}.
 */
public final class TorchSave {
  private final ByteArrayOutputStream pickle = new ByteArrayOutputStream();
  private final Map<String, byte[]> entries = new LinkedHashMap<>();
  private int method = ZipEntry.STORED;
  private Zip64Mode zip64 = Zip64Mode.AsNeeded;

  /** A dictionary without tensors, so far. */
  public static TorchSave dictionary() {
    return new TorchSave().op(0x80, 2, '}', '(');
  }

  /** Nothing yet, not even a dictionary. */
  static TorchSave empty() {
    return new TorchSave();
  }

  /** Bytes of the pickle: instructions and short operands. */
  TorchSave op(int... bytes) {
    for (int value : bytes) {
      pickle.write(value);
    }
    return this;
  }

  /** The same bytes, {@code count} times. */
  TorchSave repeat(int count, int... bytes) {
    for (int i = 0; i < count; i++) {
      op(bytes);
    }
    return this;
  }

  /** BINUNICODE. */
  TorchSave text(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    op('X').little(4, bytes.length);
    pickle.writeBytes(bytes);
    return this;
  }

  /** LONG1 of 8 bytes. */
  TorchSave number(long value) {
    return op(0x8a, 8).little(8, value);
  }

  private TorchSave little(int bytes, long value) {
    for (int i = 0; i < bytes; i++) {
      op((int) (value >> (8 * i)));
    }
    return this;
  }

  /** GLOBAL. */
  TorchSave global(String module, String name) {
    op('c');
    pickle.writeBytes((module + "\n" + name + "\n").getBytes(UTF_8));
    return this;
  }

  /** TUPLE of numbers. */
  TorchSave tuple(long... values) {
    op('(');
    for (long value : values) {
      number(value);
    }
    return op('t');
  }

  /** BINPERSID of a storage. */
  TorchSave storage(String type, String key, long elements) {
    op('(').text("storage").global("torch", type).text(key).text("cpu").number(elements);
    return op('t', 'Q');
  }

  /** A tensor as a value: {@code _rebuild_tensor_v2}. */
  TorchSave tensor(
      String type, String key, long elements, long offset, long[] shape, long[] strides) {
    global("torch._utils", "_rebuild_tensor_v2").op('(').storage(type, key, elements);
    number(offset).tuple(shape).tuple(strides).op(0x89);
    return global("collections", "OrderedDict").op(')', 'R', 't', 'R');
  }

  /** A named tensor, row by row, with a storage of its own. */
  public TorchSave tensor(
      String name, String type, byte[] elements, int elementBytes, long... shape) {
    String key = Integer.toString(entries.size());
    long[] strides = new long[shape.length];
    long count = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = count;
      count *= shape[i];
    }
    storage(key, elements);
    return text(name).tensor(type, key, elements.length / elementBytes, 0, shape, strides);
  }

  /** A named float32 tensor, row by row. */
  public TorchSave tensor(String name, float[] values, long... shape) {
    return tensor(name, "FloatStorage", floats(values), 4, shape);
  }

  static byte[] floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  /** The bytes of a storage. */
  TorchSave storage(String key, byte[] bytes) {
    return entry("archive/data/" + key, bytes);
  }

  /** Any entry of the zip file. */
  TorchSave entry(String name, byte[] bytes) {
    entries.put(name, bytes);
    return this;
  }

  TorchSave compressed() {
    method = ZipEntry.DEFLATED;
    return this;
  }

  TorchSave zip64() {
    zip64 = Zip64Mode.Always;
    return this;
  }

  /** Ends the dictionary and writes the file. */
  public void write(Path file) throws IOException {
    op('u', '.').writePickle(file);
  }

  /** Writes the file with the pickle as it is. */
  void writePickle(Path file) throws IOException {
    try (ZipArchiveOutputStream zip = new ZipArchiveOutputStream(file)) {
      zip.setUseZip64(zip64);
      put(zip, "archive/data.pkl", pickle.toByteArray());
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        put(zip, entry.getKey(), entry.getValue());
      }
      put(zip, "archive/version", "3\n".getBytes(UTF_8));
    }
  }

  private void put(ZipArchiveOutputStream zip, String name, byte[] bytes) throws IOException {
    ZipArchiveEntry entry = new ZipArchiveEntry(name);
    entry.setMethod(method);
    entry.setSize(bytes.length);
    CRC32 crc = new CRC32();
    crc.update(bytes);
    entry.setCrc(crc.getValue());
    zip.putArchiveEntry(entry);
    zip.write(bytes);
    zip.closeArchiveEntry();
  }
}
