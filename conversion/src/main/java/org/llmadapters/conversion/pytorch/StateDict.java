package org.llmadapters.conversion.pytorch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.pytorch.PickleValue.Dictionary;
import org.llmadapters.conversion.pytorch.PickleValue.Tensor;
import org.llmadapters.conversion.pytorch.PickleValue.Tuple;
import org.llmadapters.conversion.pytorch.PickleValue.Whole;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/**
 * The tensors of a pickled state dict, each of them checked to lie in its storage.
 *
 * @param tensors by name, in the order of the dictionary
 * @param scattered the tensors whose elements do not follow each other row by row, such as
 *     transposed ones
 */
record StateDict(Map<String, TensorInfo> tensors, Map<String, Scattered> scattered) {
  private static final int MAX_TENSORS = 50_000;
  private static final int MAX_RANK = 64;

  /**
   * How the elements of a tensor lie in the file.
   *
   * @param strides how many elements lie between neighbours, for every axis
   * @param span from the first to the last element, in bytes
   */
  record Scattered(List<Long> strides, long span) {
    Scattered {
      strides = List.copyOf(strides);
    }
  }

  /**
   * Finds the tensors that {@code pickle}, a value read from {@code data.pkl}, is made of.
   *
   * @throws FormatException that lists all that is wrong
   */
  static StateDict of(Path file, PickleValue pickle, StoredEntries entries) {
    if (!(pickle instanceof Dictionary dictionary)) {
      throw new FormatException(
          file, "holds %s, expected a state dict: tensors by name", pickle.describe());
    }
    if (dictionary.entries().size() > MAX_TENSORS) {
      throw new FormatException(file, "lists more than %d tensors", MAX_TENSORS);
    }
    Locator locator = new Locator(entries);
    dictionary.entries().forEach(locator::add);
    locator.problems.throwIfAny(
        file,
        "is not a state dict that can be read: "
            + locator.problems.counted("problem")
            + " with its tensors",
        "");
    return new StateDict(
        Collections.unmodifiableMap(locator.tensors), Map.copyOf(locator.scattered));
  }

  private static final class Locator {
    private final StoredEntries entries;
    private final Problems problems = new Problems();
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final Map<String, Scattered> scattered = new HashMap<>();

    Locator(StoredEntries entries) {
      this.entries = entries;
    }

    void add(String name, PickleValue value) {
      if (!(value instanceof Tensor tensor)) {
        problems.add("%s is %s, expected a tensor", name, value.describe());
        return;
      }
      Optional<List<Long>> shape = naturals(tensor.shape());
      Optional<List<Long>> strides = naturals(tensor.strides());
      if (shape.isEmpty() || strides.isEmpty() || shape.get().size() != strides.get().size()) {
        problems.add(
            "%s: its shape and its strides must be of one length, at most %d integers that are not"
                + " negative",
            name, MAX_RANK);
        return;
      }
      String entry = "data/" + tensor.storage().key();
      Optional<StoredEntries.Run> run = entries.find(entry);
      if (run.isEmpty()) {
        problems.add("%s: the file has no entry %s", name, entry);
        return;
      }
      try {
        locate(name, tensor, shape.get(), strides.get(), run.get());
      } catch (ArithmeticException e) {
        problems.add("%s: shape %s is too large", name, shape.get());
      }
    }

    /** Throws an {@link ArithmeticException} if a number does not fit a long. */
    private void locate(
        String name,
        Tensor tensor,
        List<Long> shape,
        List<Long> strides,
        StoredEntries.Run storage) {
      String dtype = tensor.storage().type().dtype();
      int elementBytes = TensorCodec.elementBytes(dtype);
      long available = storage.bytes() / elementBytes;
      long elements = shape.stream().reduce(1L, Math::multiplyExact);
      long last = tensor.offset();
      for (int i = 0; i < shape.size() && elements > 0; i++) {
        last = Math.addExact(last, Math.multiplyExact(shape.get(i) - 1, strides.get(i)));
      }
      long end = elements == 0 ? tensor.offset() : Math.addExact(last, 1);
      if (tensor.offset() < 0 || end > available || tensor.storage().elements() > available) {
        problems.add(
            "%s: %s %s ends at element %d of data/%s, which has %d of %d: is the file damaged?",
            name,
            dtype,
            shape,
            end,
            tensor.storage().key(),
            available,
            tensor.storage().elements());
        return;
      }
      if (elements > end - tensor.offset()) {
        problems.add(
            "%s: shape %s repeats elements, strides %s; save it as tensor.contiguous()",
            name, shape, strides);
        return;
      }
      tensors.put(
          name,
          new TensorInfo(
              name,
              dtype,
              shape,
              storage.offset() + tensor.offset() * elementBytes,
              elements * elementBytes));
      if (elements > 0 && !isContiguous(shape, strides)) {
        scattered.put(name, new Scattered(strides, (end - tensor.offset()) * elementBytes));
      }
    }

    private static boolean isContiguous(List<Long> shape, List<Long> strides) {
      long expected = 1;
      for (int i = shape.size() - 1; i >= 0; i--) {
        if (shape.get(i) != 1 && strides.get(i) != expected) {
          return false;
        }
        expected *= shape.get(i);
      }
      return true;
    }

    private static Optional<List<Long>> naturals(Tuple tuple) {
      List<Long> values = new ArrayList<>();
      for (PickleValue item : tuple.items()) {
        if (values.size() == MAX_RANK || !(item instanceof Whole whole) || whole.value() < 0) {
          return Optional.empty();
        }
        values.add(whole.value());
      }
      return Optional.of(values);
    }
  }
}
