package org.llmadapters.conversion;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Damages files, the same way for the same seed: as bytes, and as JSON that stays JSON. */
public final class Mutations {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private static final List<JsonNode> VALUES =
      List.of(
          JSON.nullNode(),
          JSON.booleanNode(true),
          JSON.booleanNode(false),
          JSON.numberNode(0),
          JSON.numberNode(-1),
          JSON.numberNode(1),
          JSON.numberNode(7),
          JSON.numberNode(0.5),
          JSON.numberNode(1e300),
          JSON.numberNode(Integer.MAX_VALUE),
          JSON.numberNode(0xffff_ffffL),
          JSON.numberNode(Long.MAX_VALUE),
          JSON.numberNode(java.math.BigInteger.ONE.shiftLeft(63)),
          JSON.numberNode(java.math.BigInteger.ONE.shiftLeft(64)),
          JSON.textNode(""),
          JSON.textNode(" "),
          JSON.textNode("a"),
          JSON.textNode("a\u0000b"),
          JSON.textNode("\u00e9\ufdfa"),
          JSON.textNode("\ud800"),
          JSON.textNode("x".repeat(5000)),
          JSON.arrayNode(),
          JSON.objectNode());

  private final Random random;

  /** Damages that depend on {@code seed} alone. */
  public Mutations(long seed) {
    this.random = new Random(seed);
  }

  /** One to three damages to bytes: flipped, replaced, cut off, removed, repeated. */
  public byte[] ofBytes(byte[] file) {
    byte[] damaged = file;
    for (int times = 1 + random.nextInt(3); times > 0 && damaged.length > 0; times--) {
      damaged = damageBytes(damaged);
    }
    return damaged;
  }

  private byte[] damageBytes(byte[] file) {
    int at = random.nextInt(file.length);
    int end = Math.min(file.length, at + 1 + random.nextInt(16));
    byte[] damaged = file.clone();
    switch (random.nextInt(6)) {
      case 0, 1 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
      case 2 -> Arrays.fill(damaged, at, end, (byte) (random.nextBoolean() ? 0xff : 0));
      case 3 -> damaged = Arrays.copyOf(file, at);
      case 4 -> damaged = join(file, at, end);
      default -> damaged = join(file, end, at);
    }
    return damaged;
  }

  /** All up to {@code end}, and then all from {@code start} on. */
  private static byte[] join(byte[] file, int end, int start) {
    byte[] joined = Arrays.copyOf(file, end + file.length - start);
    System.arraycopy(file, start, joined, end, file.length - start);
    return joined;
  }

  /**
   * One to three damages to the tree of a JSON file: nodes that are removed, replaced by values of
   * other types and sizes, copied to other places; and now and then nesting that is too deep, or
   * the same field twice.
   */
  public byte[] ofJson(byte[] file) throws IOException {
    JsonNode root = new ObjectMapper().readTree(file);
    // Mostly one: what is damaged twice seldom gets past the first check.
    for (int times = Math.max(1, random.nextInt(5) - 1); times > 0; times--) {
      List<JsonNode> containers = new ArrayList<>();
      collect(root, containers);
      damage(containers.get(random.nextInt(containers.size())), containers);
    }
    String text = root.toString();
    text =
        switch (random.nextInt(40)) {
          case 0 -> "{\"a\":".repeat(3000) + text + "}".repeat(3000);
          case 1 -> text.replaceFirst(":\\{", ":" + "[".repeat(100_000) + "{");
          case 2 -> text.replaceFirst("(\"[a-z_]+\":)", "$1 0, $1");
          case 3 -> text.replaceFirst("([:,])\\d", "$11" + "0".repeat(1 + random.nextInt(1000)));
          default -> text;
        };
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void collect(JsonNode node, List<JsonNode> containers) {
    if (node.isContainerNode()) {
      containers.add(node);
      node.forEach(child -> collect(child, containers));
    }
  }

  /** A value of the list, mostly of the type of {@code old}; or a node from another place. */
  private JsonNode other(JsonNode old, List<JsonNode> containers) {
    if (random.nextInt(4) == 0) {
      return containers.get(random.nextInt(containers.size())).deepCopy();
    }
    List<JsonNode> alike =
        VALUES.stream().filter(value -> value.getNodeType() == old.getNodeType()).toList();
    List<JsonNode> from = alike.isEmpty() || random.nextInt(3) == 0 ? VALUES : alike;
    return from.get(random.nextInt(from.size())).deepCopy();
  }

  private void damage(JsonNode container, List<JsonNode> containers) {
    if (container instanceof ObjectNode object) {
      List<String> names = new ArrayList<>();
      object.fieldNames().forEachRemaining(names::add);
      String name = names.isEmpty() ? "a" : names.get(random.nextInt(names.size()));
      JsonNode old = object.path(name);
      switch (random.nextInt(6)) {
        case 0 -> object.remove(name);
        case 1 -> object.set(name + "x", old.deepCopy());
        case 2 -> object.set(other(JSON.textNode(""), containers).asText(), old.deepCopy());
        default -> object.set(name, other(old, containers));
      }
    } else if (container instanceof ArrayNode array) {
      int at = array.isEmpty() ? 0 : random.nextInt(array.size());
      JsonNode old = array.path(at);
      switch (random.nextInt(5)) {
        case 0 -> array.remove(at);
        case 1 -> array.insert(at, other(old, containers));
        case 2 -> array.insert(at, old.deepCopy());
        default -> {
          array.remove(at);
          array.insert(at, other(old, containers));
        }
      }
    }
  }
}
