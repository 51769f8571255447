package org.llmadapters.conversion.safetensors;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/**
 * Parses and checks the JSON header of a safetensors file.
 *
 * @param tensors by name, in the order of their bytes
 * @param metadata {@code __metadata__}
 */
record SafetensorsHeader(Map<String, TensorInfo> tensors, Map<String, String> metadata) {
  static final String METADATA = "__metadata__";
  private static final int MAX_TENSORS = 1_000_000;
  private static final int MAX_RANK = 64;

  /**
   * Parses {@code header}.
   *
   * @param dataOffset of the first data byte in the file
   * @param dataBytes how many data bytes the file has
   */
  static SafetensorsHeader parse(Path file, byte[] header, long dataOffset, long dataBytes) {
    return new Parser(file, dataOffset, dataBytes).parse(header);
  }

  private static final class Parser {
    private final Path file;
    private final long dataOffset;
    private final long dataBytes;
    private final Problems problems = new Problems();
    private final List<TensorInfo> found = new ArrayList<>();
    private final Map<String, String> metadata = new TreeMap<>();

    Parser(Path file, long dataOffset, long dataBytes) {
      this.file = file;
      this.dataOffset = dataOffset;
      this.dataBytes = dataBytes;
    }

    SafetensorsHeader parse(byte[] header) {
      Json.forEachField(file, header, this::field);
      found.sort(Comparator.comparingLong(TensorInfo::offset).thenComparingLong(TensorInfo::bytes));
      if (problems.isEmpty()) {
        checkNoHoles();
      }
      problems.throwIfAny(
          file,
          "is not a valid safetensors file: " + problems.counted("problem") + " in its header",
          "");
      Map<String, TensorInfo> tensors = new LinkedHashMap<>();
      found.forEach(tensor -> tensors.put(tensor.name(), tensor));
      return new SafetensorsHeader(
          Collections.unmodifiableMap(tensors), Collections.unmodifiableMap(metadata));
    }

    private void field(String name, JsonNode value) {
      if (name.equals(METADATA)) {
        readMetadata(value);
        return;
      }
      if (found.size() == MAX_TENSORS) {
        throw new FormatException(file, "lists more than %d tensors", MAX_TENSORS);
      }
      TensorInfo tensor = readTensor(name, value);
      if (tensor != null) {
        found.add(tensor);
      }
    }

    private void readMetadata(JsonNode value) {
      if (!value.isObject()) {
        problems.add("%s must be an object, got %s", METADATA, Json.describe(value));
        return;
      }
      for (Map.Entry<String, JsonNode> entry : value.properties()) {
        if (entry.getValue().isTextual()) {
          metadata.put(entry.getKey(), entry.getValue().textValue());
        } else {
          problems.add(
              "%s.%s must be a string, got %s",
              METADATA, entry.getKey(), Json.describe(entry.getValue()));
        }
      }
    }

    private @Nullable TensorInfo readTensor(String name, JsonNode value) {
      if (!value.isObject()) {
        problems.add("%s must be an object, got %s", name, Json.describe(value));
        return null;
      }
      for (Map.Entry<String, JsonNode> entry : value.properties()) {
        switch (entry.getKey()) {
          case "dtype", "shape", "data_offsets" -> {}
          default -> {
            problems.add("%s: unknown key \"%s\"", name, entry.getKey());
            return null;
          }
        }
      }
      String dtype = value.path("dtype").asText("");
      Integer elementBytes = TensorCodec.ELEMENT_BYTES.get(dtype);
      if (elementBytes == null) {
        problems.add(
            "%s: unknown dtype %s; known: %s",
            name,
            Json.describe(value.path("dtype")),
            String.join(", ", TensorCodec.ELEMENT_BYTES.keySet().stream().sorted().toList()));
        return null;
      }
      List<Long> shape = naturals(name + ": shape", value.path("shape"), MAX_RANK);
      List<Long> offsets = naturals(name + ": data_offsets", value.path("data_offsets"), 2);
      if (shape == null || offsets == null) {
        return null;
      }
      return located(name, dtype, elementBytes, shape, offsets);
    }

    private @Nullable TensorInfo located(
        String name, String dtype, int elementBytes, List<Long> shape, List<Long> offsets) {
      if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
        problems.add("%s: data_offsets must be [begin, end], got %s", name, offsets);
        return null;
      }
      if (offsets.get(1) > dataBytes) {
        problems.add(
            "%s: data_offsets %s reach beyond the %d data bytes of the file: is it truncated?",
            name, offsets, dataBytes);
        return null;
      }
      long bytes = elementBytes;
      try {
        for (long size : shape) {
          bytes = Math.multiplyExact(bytes, size);
        }
      } catch (ArithmeticException e) {
        problems.add("%s: shape %s is too large", name, shape);
        return null;
      }
      long length = offsets.get(1) - offsets.get(0);
      if (length != bytes) {
        problems.add(
            "%s: %s %s needs %d bytes, but data_offsets %s are %d",
            name, dtype, shape, bytes, offsets, length);
        return null;
      }
      return new TensorInfo(name, dtype, shape, dataOffset + offsets.get(0), bytes);
    }

    private @Nullable List<Long> naturals(String what, JsonNode node, int maxSize) {
      if (node.isArray() && node.size() <= maxSize) {
        List<Long> values = new ArrayList<>(node.size());
        for (JsonNode element : node) {
          if (element.isIntegralNumber()
              && element.canConvertToLong()
              && element.longValue() >= 0) {
            values.add(element.longValue());
          }
        }
        if (values.size() == node.size()) {
          return values;
        }
      }
      problems.add(
          "%s must be a list of at most %d integers that are not negative, got %s",
          what, maxSize, Json.describe(node));
      return null;
    }

    /** Every data byte belongs to exactly one tensor. */
    private void checkNoHoles() {
      long expected = dataOffset;
      Map<Long, String> owners = new HashMap<>();
      for (TensorInfo tensor : found) {
        if (tensor.offset() != expected) {
          problems.add(
              "%s: begins at data byte %d, but %s ends at %d; tensors must not %s",
              tensor.name(),
              tensor.offset() - dataOffset,
              owners.getOrDefault(expected, "the header"),
              expected - dataOffset,
              tensor.offset() < expected ? "overlap" : "leave holes");
        }
        expected = Math.max(expected, tensor.offset() + tensor.bytes());
        owners.put(tensor.offset() + tensor.bytes(), tensor.name());
      }
      long left = dataOffset + dataBytes - expected;
      if (left != 0) {
        problems.add("%d bytes at the end belong to no tensor", left);
      }
    }
  }
}
