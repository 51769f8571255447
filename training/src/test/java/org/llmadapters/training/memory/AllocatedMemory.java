package org.llmadapters.training.memory;

import com.google.protobuf.InvalidProtocolBufferException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.PointerScope;
import org.tensorflow.Output;
import org.tensorflow.RawTensor;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.internal.c_api.TF_Buffer;
import org.tensorflow.internal.c_api.TF_Output;
import org.tensorflow.internal.c_api.TF_Session;
import org.tensorflow.internal.c_api.TF_Status;
import org.tensorflow.internal.c_api.TF_Tensor;
import org.tensorflow.internal.c_api.global.tensorflow;
import org.tensorflow.proto.AllocationRecord;
import org.tensorflow.proto.RunMetadata;
import org.tensorflow.proto.RunOptions;

/**
 * What TensorFlow's operations really allocate in a run. TensorFlow Java's {@code
 * runAndFetchMetadata} cannot read the answer, so that the C API is called with what a runner
 * holds.
 */
final class AllocatedMemory {
  private AllocatedMemory() {}

  /**
   * Runs what {@code runner} holds; gives the most bytes that were in use at a time, beside those
   * that were there before.
   */
  static long peak(Session session, Session.Runner runner) {
    List<AllocationRecord> records = new ArrayList<>();
    run(session, runner)
        .getStepStats()
        .getDevStatsList()
        .forEach(
            device ->
                device
                    .getNodeStatsList()
                    .forEach(
                        node ->
                            node.getMemoryList()
                                .forEach(used -> records.addAll(used.getAllocationRecordsList()))));
    // Of the same microsecond, what is freed comes first.
    records.sort(
        Comparator.comparingLong(AllocationRecord::getAllocMicros)
            .thenComparingLong(AllocationRecord::getAllocBytes));
    long live = 0;
    long peak = 0;
    for (AllocationRecord record : records) {
      live += record.getAllocBytes();
      peak = Math.max(peak, live);
    }
    return peak;
  }

  @SuppressWarnings("try") // the scope frees what is made within it
  static RunMetadata run(Session session, Session.Runner runner) {
    List<Output<?>> inputs = field(runner, "inputs");
    List<Tensor> values = field(runner, "inputTensors");
    List<Output<?>> outputs = field(runner, "outputs");
    List<Object> targets = field(runner, "targets");
    try (PointerScope scope = new PointerScope()) {
      RunOptions options =
          RunOptions.newBuilder().setTraceLevel(RunOptions.TraceLevel.FULL_TRACE).build();
      TF_Buffer optionsBuffer = TF_Buffer.newBufferFromString(options);
      TF_Buffer metadata = TF_Buffer.newBuffer();
      PointerPointer<TF_Tensor> in = new PointerPointer<>(Math.max(1, values.size()));
      for (int i = 0; i < values.size(); i++) {
        in.put(i, handle(values.get(i).asRawTensor()));
      }
      PointerPointer<TF_Tensor> out = new PointerPointer<>(Math.max(1, outputs.size()));
      PointerPointer<Pointer> operations = new PointerPointer<>(Math.max(1, targets.size()));
      for (int i = 0; i < targets.size(); i++) {
        operations.put(i, operation(targets.get(i)));
      }
      TF_Status status = TF_Status.newStatus();
      TF_Session handle = field(session, "nativeHandle");
      tensorflow.TF_SessionRun(
          handle,
          optionsBuffer,
          outputs(inputs),
          in,
          values.size(),
          outputs(outputs),
          out,
          outputs.size(),
          (PointerPointer) operations,
          targets.size(),
          metadata,
          status);
      status.throwExceptionIfNotOK();
      for (int i = 0; i < outputs.size(); i++) {
        tensorflow.TF_DeleteTensor(out.get(TF_Tensor.class, i));
      }
      byte[] bytes = new byte[(int) metadata.length()];
      new BytePointer(metadata.data()).capacity(bytes.length).get(bytes);
      return RunMetadata.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  private static TF_Output outputs(List<Output<?>> tensors) {
    TF_Output result = new TF_Output(Math.max(1, tensors.size()));
    for (int i = 0; i < tensors.size(); i++) {
      result.position(i).oper(operation(tensors.get(i).op())).index(tensors.get(i).index());
    }
    return result.position(0);
  }

  private static org.tensorflow.internal.c_api.TF_Operation operation(Object operation) {
    return (org.tensorflow.internal.c_api.TF_Operation) call(operation, "getUnsafeNativeHandle");
  }

  private static TF_Tensor handle(RawTensor tensor) {
    return field(tensor, "tensorHandle");
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // the caller knows the field
  private static <T> T field(Object object, String name) {
    try {
      Field field = object.getClass().getDeclaredField(name);
      field.setAccessible(true);
      return (T) Objects.requireNonNull(field.get(object));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object call(Object object, String name) {
    try {
      Method method = object.getClass().getDeclaredMethod(name);
      method.setAccessible(true);
      return Objects.requireNonNull(method.invoke(object));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
