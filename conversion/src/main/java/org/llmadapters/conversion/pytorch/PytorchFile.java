package org.llmadapters.conversion.pytorch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.FileBytes;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/**
 * Reads a state dict that {@code torch.save} wrote (PyTorch 1.6 and later), a zip file whose
 * entries are not compressed:
 *
 * <pre>
 *   NAME/data.pkl    a pickle: a dictionary of tensors, each of them a type, a key, an offset, a
 *                    shape and strides
 *   NAME/data/KEY    the elements of one storage; several tensors may share it
 *   NAME/byteorder   "little" or "big"; older versions do not write it and mean little
 *   NAME/version     and others, not needed
 * </pre>
 *
 * <p>Pickles can run any code where Python reads them; here, what a state dict does not need is
 * refused, and nothing is run.
 *
 * <p>Source: github.com/pytorch/pytorch v2.1.0, {@code torch/serialization.py}.
 */
public final class PytorchFile implements TensorFile {
  static final String RESAVE =
      "if you trust the file, load it with a current PyTorch and save its state dict with"
          + " safetensors.torch.save_file(state_dict, \"model.safetensors\", {\"format\": \"pt\"})";

  private static final byte[] ZIP = {'P', 'K', 3, 4};

  /** A pickle of the number 0x1950a86a20f9469cfc6c. */
  private static final byte[] BEFORE_ZIP = {
    (byte) 0x80,
    2,
    (byte) 0x8a,
    10,
    0x6c,
    (byte) 0xfc,
    (byte) 0x9c,
    0x46,
    (byte) 0xf9,
    0x20,
    0x6a,
    (byte) 0xa8,
    0x50,
    0x19
  };

  private static final byte[] TAR = "ustar".getBytes(StandardCharsets.US_ASCII);
  private static final int TAR_OFFSET = 257;

  private final Path file;
  private final FileChannel channel;
  private final StateDict stateDict;

  /** The part of the file where the last scattered tensor lies. */
  private Optional<Mapped> mapped = Optional.empty();

  private record Mapped(String tensor, ByteBuffer bytes) {}

  private PytorchFile(Path file, FileChannel channel, StateDict stateDict) {
    this.file = file;
    this.channel = channel;
    this.stateDict = stateDict;
  }

  /**
   * Opens {@code file} and checks all but the elements; the caller closes.
   *
   * @throws FormatException that says what is wrong with it and how to make one that can be read
   * @throws IOException if reading fails
   */
  public static PytorchFile open(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new FormatException(
          file, "%s", Files.exists(file) ? "is not a regular file" : "no such file");
    }
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      requireZip(file, channel);
      StoredEntries entries = StoredEntries.read(file, channel.size());
      requireLittleEndian(file, channel, entries);
      StoredEntries.Run pickle = entries.pickle();
      byte[] bytes = read(file, channel, "data.pkl", pickle, Unpickler.MAX_BYTES);
      StateDict stateDict = StateDict.of(file, Unpickler.read(file, bytes), entries);
      return new PytorchFile(file, channel, stateDict);
    } catch (FormatException | IOException e) {
      channel.close();
      throw e;
    }
  }

  private static void requireZip(Path file, FileChannel channel) throws IOException {
    ByteBuffer start = ByteBuffer.allocate((int) Math.min(TAR_OFFSET + 5, channel.size()));
    FileBytes.read(file, channel, 0, start);
    byte[] bytes = start.array();
    if (beginsWith(bytes, 0, ZIP)) {
      return;
    }
    String found = "is not a file of PyTorch 1.6 or later, which begins like a zip file; ";
    if (beginsWith(bytes, 0, BEFORE_ZIP) || beginsWith(bytes, TAR_OFFSET, TAR)) {
      found = "is in a format that PyTorch wrote before version 1.6; ";
    } else if (bytes.length > 0 && bytes[0] == BEFORE_ZIP[0]) {
      found = "is a bare pickle, not a file of torch.save; ";
    }
    throw new FormatException(file, "%s%s", found, RESAVE);
  }

  private static boolean beginsWith(byte[] bytes, int offset, byte[] start) {
    int end = offset + start.length;
    return bytes.length >= end && Arrays.equals(bytes, offset, end, start, 0, start.length);
  }

  private static void requireLittleEndian(Path file, FileChannel channel, StoredEntries entries)
      throws IOException {
    Optional<StoredEntries.Run> byteOrder = entries.find("byteorder");
    if (byteOrder.isEmpty()) {
      return;
    }
    String order =
        new String(
            read(file, channel, "byteorder", byteOrder.get(), 16), StandardCharsets.US_ASCII);
    if (!order.equals("little")) {
      throw new FormatException(
          file,
          "its byte order is %s, expected little; %s",
          order.equals("big") ? "big" : "unknown",
          RESAVE);
    }
  }

  private static byte[] read(
      Path file, FileChannel channel, String entry, StoredEntries.Run run, int maxBytes)
      throws IOException {
    if (run.bytes() > maxBytes) {
      throw new FormatException(
          file, "%s has %d bytes, expected at most %d", entry, run.bytes(), maxBytes);
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) run.bytes());
    FileBytes.read(file, channel, run.offset(), bytes);
    return bytes.array();
  }

  @Override
  public Path path() {
    return file;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return stateDict.tensors();
  }

  /** Nothing: the format has no texts. */
  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public void read(TensorInfo tensor, long position, ByteBuffer target) throws IOException {
    requireTensor(tensor);
    StateDict.Scattered scattered = stateDict.scattered().get(tensor.name());
    if (scattered == null) {
      FileBytes.read(file, channel, tensor.offset() + position, target);
    } else {
      gather(tensor, scattered, position, target);
    }
  }

  /** Reads element by element, through the operating system's cache of the file. */
  private void gather(
      TensorInfo tensor, StateDict.Scattered scattered, long position, ByteBuffer target)
      throws IOException {
    int elementBytes = TensorCodec.elementBytes(tensor.dtype());
    ByteBuffer storage = map(tensor, scattered);
    long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
    long[] strides = scattered.strides().stream().mapToLong(Long::longValue).toArray();
    long[] index = new long[shape.length];
    long rest = position / elementBytes;
    for (int axis = index.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest /= shape[axis];
    }
    while (target.hasRemaining()) {
      long element = 0;
      for (int axis = 0; axis < index.length; axis++) {
        element += index[axis] * strides[axis];
      }
      for (int i = 0; i < elementBytes; i++) {
        target.put(storage.get((int) element * elementBytes + i));
      }
      for (int axis = index.length - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--) {
        index[axis] = 0;
      }
    }
  }

  private ByteBuffer map(TensorInfo tensor, StateDict.Scattered scattered) throws IOException {
    Optional<Mapped> last = mapped.filter(part -> part.tensor().equals(tensor.name()));
    if (last.isEmpty()) {
      if (scattered.span() > Integer.MAX_VALUE) {
        throw new FormatException(
            file,
            "%s: shape %s with strides %s spans %d bytes, more than 2 GiB; save it as"
                + " tensor.contiguous()",
            tensor.name(),
            tensor.shape(),
            scattered.strides(),
            scattered.span());
      }
      ByteBuffer bytes =
          channel.map(FileChannel.MapMode.READ_ONLY, tensor.offset(), scattered.span());
      last = Optional.of(new Mapped(tensor.name(), bytes));
      mapped = last;
    }
    return last.get().bytes();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
