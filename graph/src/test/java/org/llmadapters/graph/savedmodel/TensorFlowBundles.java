package org.llmadapters.graph.savedmodel;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.NdArrays;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.ByteDataBuffer;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.train.Restore;
import org.tensorflow.op.train.Save;
import org.tensorflow.types.TString;

/** Bundles as TensorFlow itself reads and writes them. */
final class TensorFlowBundles {
  static {
    TensorFlowRuntime.load(); // loads the native library
  }

  private TensorFlowBundles() {}

  /** The bytes that RestoreV2 gives for the keys of {@code tensors}, and their shapes. */
  static List<TestTensor> restore(Path prefix, List<TestTensor> tensors) {
    try (Graph graph = TensorFlowRuntime.newGraph();
        Session session = new Session(graph)) {
      Ops tf = Ops.create(graph);
      Restore restore =
          tf.train.restore(
              tf.constant(prefix.toString()),
              keys(tf, tensors),
              noSlices(tf, tensors),
              List.copyOf(tensors.stream().map(TestTensor::type).toList()));
      Session.Runner runner = session.runner();
      for (int i = 0; i < tensors.size(); i++) {
        runner.fetch(restore.op().name(), i);
      }
      try (Result result = runner.run()) {
        List<TestTensor> restored = new ArrayList<>();
        for (int i = 0; i < tensors.size(); i++) {
          TestTensor expected = tensors.get(i);
          Tensor tensor = result.get(i);
          List<Long> shape = new ArrayList<>();
          for (long dimension : tensor.shape().asArray()) {
            shape.add(dimension);
          }
          restored.add(
              new TestTensor(
                  expected.key(), tensor.asRawTensor().dataType(), shape, bytesOf(tensor)));
        }
        return restored;
      }
    }
  }

  /** Writes a bundle with SaveV2. */
  static void save(Path prefix, List<TestTensor> tensors) {
    List<Tensor> values = new ArrayList<>();
    try (Graph graph = TensorFlowRuntime.newGraph();
        Session session = new Session(graph)) {
      Ops tf = Ops.create(graph);
      List<Operand<?>> placeholders = new ArrayList<>();
      Session.Runner runner = session.runner();
      for (TestTensor tensor : tensors) {
        Placeholder<?> placeholder = tf.placeholder(tensor.type());
        Tensor value = Tensor.of(tensor.type(), shape(tensor), buffer(tensor));
        placeholders.add(placeholder);
        values.add(value);
        runner.feed(placeholder, value);
      }
      Save save =
          tf.train.save(
              tf.constant(prefix.toString()),
              keys(tf, tensors),
              noSlices(tf, tensors),
              placeholders);
      runner.addTarget(save).run().close();
    } finally {
      values.forEach(Tensor::close);
    }
  }

  private static Operand<TString> keys(Ops tf, List<TestTensor> tensors) {
    return tf.constant(
        NdArrays.vectorOfObjects(tensors.stream().map(TestTensor::key).toArray(String[]::new)));
  }

  private static Operand<TString> noSlices(Ops tf, List<TestTensor> tensors) {
    return tf.constant(
        NdArrays.vectorOfObjects(tensors.stream().map(tensor -> "").toArray(String[]::new)));
  }

  private static Shape shape(TestTensor tensor) {
    return Shape.of(tensor.shape().stream().mapToLong(Long::longValue).toArray());
  }

  private static ByteDataBuffer buffer(TestTensor tensor) {
    return DataBuffers.of(tensor.bytes().array(), true, false);
  }

  private static ByteBuffer bytesOf(Tensor tensor) {
    byte[] bytes = new byte[(int) tensor.numBytes()];
    tensor.asRawTensor().data().read(bytes);
    return ByteBuffer.wrap(bytes);
  }
}
