package org.llmadapters.tests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Damages files: bytes without regard to what they mean, and JSON that stays JSON. */
final class Mutations {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private static final List<JsonNode> VALUES =
      List.of(
          JSON.nullNode(),
          JSON.booleanNode(true),
          JSON.booleanNode(false),
          JSON.numberNode(0),
          JSON.numberNode(-1),
          JSON.numberNode(1),
          JSON.numberNode(3),
          JSON.numberNode(1000),
          JSON.numberNode(Integer.MAX_VALUE),
          JSON.numberNode(Long.MAX_VALUE),
          JSON.numberNode(-1L << 62),
          JSON.numberNode(1e300),
          JSON.numberNode(0.5),
          JSON.textNode(""),
          JSON.textNode("../../../etc/passwd"),
          JSON.textNode("/etc/passwd"),
          JSON.textNode("a\u0000b"),
          JSON.textNode("\ud800"),
          JSON.textNode("x".repeat(5000)),
          JSON.textNode("model.safetensors"),
          JSON.arrayNode(),
          JSON.objectNode(),
          JSON.arrayNode().add(JSON.arrayNode().add(JSON.arrayNode())),
          JSON.objectNode().set("a", JSON.objectNode()));

  private final Random random;

  Mutations(long seed) {
    this.random = new Random(seed);
  }

  /** One to four damages of any kind to a file. */
  byte[] ofBytes(byte[] file) {
    byte[] damaged = file.clone();
    for (int times = 1 + random.nextInt(4); times > 0 && damaged.length > 0; times--) {
      damaged = damage(damaged);
    }
    return damaged;
  }

  private byte[] damage(byte[] file) {
    // Most of a file's meaning is where it begins and where it ends.
    int reach = random.nextBoolean() ? file.length : Math.min(file.length, 256);
    int at = random.nextBoolean() ? random.nextInt(reach) : file.length - 1 - random.nextInt(reach);
    int length = Math.min(1 + random.nextInt(16), file.length - at);
    byte[] damaged = file.clone();
    switch (random.nextInt(6)) {
      case 0 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> damaged[at] = (byte) random.nextInt(256);
      case 2 -> Arrays.fill(damaged, at, at + length, (byte) (random.nextBoolean() ? 0xff : 0));
      case 3 -> damaged = Arrays.copyOf(file, at);
      case 4 -> damaged = join(Arrays.copyOf(file, at), file, at + length);
      default -> damaged = join(Arrays.copyOf(file, at + length), file, at);
    }
    return damaged;
  }

  private static byte[] join(byte[] head, byte[] file, int from) {
    byte[] joined = Arrays.copyOf(head, head.length + file.length - from);
    System.arraycopy(file, from, joined, head.length, file.length - from);
    return joined;
  }

  /** One to three damages to the tree of a JSON file: values, keys, types, nesting. */
  byte[] ofJson(byte[] file) throws IOException {
    JsonNode root = new ObjectMapper().readTree(file);
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      List<JsonNode> containers = new ArrayList<>();
      collect(root, containers);
      damage(containers.get(random.nextInt(containers.size())));
    }
    String text = root.toString();
    if (random.nextInt(40) == 0) {
      text = "{\"a\":".repeat(2000) + text + "}".repeat(2000);
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void collect(JsonNode node, List<JsonNode> containers) {
    if (node.isContainerNode()) {
      containers.add(node);
      node.forEach(child -> collect(child, containers));
    }
  }

  private void damage(JsonNode container) {
    JsonNode value = VALUES.get(random.nextInt(VALUES.size())).deepCopy();
    if (container instanceof ObjectNode object) {
      List<String> names = new ArrayList<>();
      object.fieldNames().forEachRemaining(names::add);
      String name = names.isEmpty() ? "a" : names.get(random.nextInt(names.size()));
      switch (random.nextInt(5)) {
        case 0 -> object.remove(name);
        case 1 -> object.set(name + "x", object.path(name).deepCopy());
        case 2 -> object.set(value.asText(), value);
        default -> object.set(name, value);
      }
    } else if (container instanceof ArrayNode array) {
      int at = array.isEmpty() ? 0 : random.nextInt(array.size());
      switch (random.nextInt(4)) {
        case 0 -> array.remove(at);
        case 1 -> array.insert(at, value);
        case 2 -> array.add(array.path(at).deepCopy());
        default -> {
          array.remove(at);
          array.insert(at, value);
        }
      }
    }
  }

  /** A safetensors file whose header is damaged as JSON; its length is that of the new header. */
  byte[] ofSafetensorsHeader(byte[] file) throws IOException {
    int length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt();
    byte[] header = ofJson(Arrays.copyOfRange(file, 8, 8 + length));
    byte[] start =
        ByteBuffer.allocate(8 + header.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .put(header)
            .array();
    return join(start, file, 8 + length);
  }
}
