package org.llmadapters.graph.savedmodel;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Random;
import org.tensorflow.proto.DataType;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.TUint8;
import org.tensorflow.types.family.TType;

/** A named tensor with random bytes. */
record TestTensor(String key, DataType dtype, List<Long> shape, ByteBuffer bytes) {

  static TestTensor random(String key, DataType dtype, List<Long> shape, Random random) {
    byte[] bytes = new byte[(int) ElementSize.bytes(dtype, shape).orElseThrow()];
    random.nextBytes(bytes);
    return new TestTensor(key, dtype, shape, ByteBuffer.wrap(bytes));
  }

  /** One of every dtype that weights have, a scalar and an empty one among them. */
  static List<TestTensor> assorted(long seed) {
    Random random = new Random(seed);
    return List.of(
        random("model.layers.0.q_proj.weight", DataType.DT_FLOAT, List.of(5L, 3L), random),
        random("model.layers.0.bias", DataType.DT_BFLOAT16, List.of(7L), random),
        random("model.norm", DataType.DT_HALF, List.of(2L, 3L, 5L), random),
        random("scalar", DataType.DT_INT32, List.of(), random),
        random("empty", DataType.DT_FLOAT, List.of(0L, 4L), random),
        random("Zuerst/größer", DataType.DT_UINT8, List.of(11L), random));
  }

  /** TensorFlow Java's type for the dtype. */
  Class<? extends TType> type() {
    return switch (dtype) {
      case DT_FLOAT -> TFloat32.class;
      case DT_BFLOAT16 -> TBfloat16.class;
      case DT_HALF -> TFloat16.class;
      case DT_INT32 -> TInt32.class;
      case DT_UINT8 -> TUint8.class;
      default -> throw new IllegalArgumentException("no test uses " + dtype);
    };
  }

  void writeTo(WritableByteChannel channel) throws IOException {
    channel.write(bytes.duplicate());
  }

  void addTo(TensorBundleWriter writer) throws IOException {
    writer.add(key, dtype, shape, this::writeTo);
  }
}
