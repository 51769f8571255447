package org.llmadapters.conversion.pytorch;

import com.google.errorprone.annotations.FormatMethod;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.conversion.pytorch.PickleValue.Dictionary;
import org.llmadapters.conversion.pytorch.PickleValue.Rebuild;
import org.llmadapters.conversion.pytorch.PickleValue.Storage;
import org.llmadapters.conversion.pytorch.PickleValue.Tensor;
import org.llmadapters.conversion.pytorch.PickleValue.Text;
import org.llmadapters.conversion.pytorch.PickleValue.Tuple;
import org.llmadapters.conversion.pytorch.PickleValue.Unused;
import org.llmadapters.conversion.pytorch.PickleValue.Whole;
import org.llmadapters.graph.FormatException;

/**
 * Reads {@code data.pkl} of a PyTorch file: Python's pickle, a program for a machine with a stack
 * and numbered memory. It knows the instructions that {@code torch.save} writes for a state dict,
 * and of the names that they can call up only those of {@link Rebuild} and {@link StorageType}.
 * Each is a constant here; nothing is looked up, loaded or run.
 *
 * <p>Source: github.com/python/cpython v3.12, {@code Lib/pickletools.py}.
 */
final class Unpickler {
  /** Some 150 bytes describe a tensor; the largest published models have ten thousand or so. */
  static final int MAX_BYTES = 16 << 20;

  /** Some 45 make a tensor. Each makes at most one value and one entry of the memory. */
  private static final int MAX_INSTRUCTIONS = 2_000_000;

  /** Python fills dictionaries and lists by a thousand items at a time. */
  private static final int MAX_STACK = 1 << 16;

  private static final Map<String, PickleValue> GLOBALS = new HashMap<>();

  static {
    for (Rebuild function : Rebuild.values()) {
      GLOBALS.put(function.global(), function);
    }
    for (StorageType type : StorageType.values()) {
      GLOBALS.put(type.global(), type);
    }
  }

  private final Path file;
  private final ByteBuffer pickle;
  private final List<PickleValue> stack = new ArrayList<>();
  private final Deque<Integer> marks = new ArrayDeque<>();
  private final Map<Integer, PickleValue> memo = new HashMap<>();

  private Unpickler(Path file, byte[] pickle) {
    this.file = file;
    this.pickle = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The value that {@code pickle} describes.
   *
   * @param file for messages
   * @throws FormatException if it has an instruction or a name that a state dict does not need, or
   *     makes no sense
   */
  static PickleValue read(Path file, byte[] pickle) {
    return new Unpickler(file, pickle).run();
  }

  private PickleValue run() {
    try {
      for (int i = 0; i < MAX_INSTRUCTIONS; i++) {
        int instruction = pickle.get() & 0xff;
        if (instruction == '.') {
          return pop();
        }
        execute(instruction);
        if (stack.size() + marks.size() > MAX_STACK) {
          throw problem("nested too deeply: more than %d values are unfinished", MAX_STACK);
        }
      }
    } catch (BufferUnderflowException e) {
      throw new FormatException(
          file, "data.pkl ends within an instruction: is the file damaged?", e);
    }
    throw problem("more than %d instructions", MAX_INSTRUCTIONS);
  }

  private void execute(int instruction) {
    switch (instruction) {
      case 0x80 -> pickle.get(); // PROTO: the version; what counts is that we know the instructions
      case 0x95 -> pickle.getLong(); // FRAME: how much to read ahead
      case '(' -> marks.push(stack.size()); // MARK
      case 'N' -> stack.add(Unused.NONE); // NONE
      case 0x88, 0x89 -> stack.add(Unused.BOOLEAN); // NEWTRUE, NEWFALSE
      case 'K' -> stack.add(new Whole(pickle.get() & 0xff)); // BININT1
      case 'M' -> stack.add(new Whole(pickle.getShort() & 0xffff)); // BININT2
      case 'J' -> stack.add(new Whole(pickle.getInt())); // BININT
      case 0x8a -> stack.add(new Whole(longInteger(pickle.get() & 0xff))); // LONG1
      case 'G' -> { // BINFLOAT
        pickle.getLong();
        stack.add(Unused.FLOAT);
      }
      case 'X' -> stack.add(new Text(text(pickle.getInt()))); // BINUNICODE
      case 0x8c -> stack.add(new Text(text(pickle.get() & 0xff))); // SHORT_BINUNICODE
      case ')' -> stack.add(new Tuple(List.of())); // EMPTY_TUPLE
      case 0x85, 0x86, 0x87 -> stack.add(new Tuple(pop(instruction - 0x84))); // TUPLE1, 2, 3
      case 't' -> stack.add(new Tuple(popToMark())); // TUPLE
      case ']' -> stack.add(Unused.LIST); // EMPTY_LIST
      case 'a' -> { // APPEND
        pop();
        requireList();
      }
      case 'e' -> { // APPENDS
        popToMark();
        requireList();
      }
      case '}' -> stack.add(new Dictionary()); // EMPTY_DICT
      case 's' -> setItems(pop(2)); // SETITEM
      case 'u' -> setItems(popToMark()); // SETITEMS
      case 'q' -> memo.put(pickle.get() & 0xff, top()); // BINPUT
      case 'r' -> memo.put(pickle.getInt(), top()); // LONG_BINPUT
      case 0x94 -> memo.put(memo.size(), top()); // MEMOIZE
      case 'h' -> stack.add(recall(pickle.get() & 0xff)); // BINGET
      case 'j' -> stack.add(recall(pickle.getInt())); // LONG_BINGET
      case 'c' -> { // GLOBAL
        String module = line();
        stack.add(global(module, line()));
      }
      case 0x93 -> { // STACK_GLOBAL
        String name = popText();
        stack.add(global(popText(), name));
      }
      case 'Q' -> stack.add(storage(popTuple())); // BINPERSID
      case 'R' -> { // REDUCE
        Tuple arguments = popTuple();
        stack.add(build(pop(), arguments.items()));
      }
      case 'b' -> { // BUILD: attributes, such as the versions in a state dict's _metadata
        pop();
        require(top() instanceof Dictionary, "attributes of %s", top().describe());
      }
      default ->
          throw problem(
              "instruction 0x%02x, which the tensors of a state dict do not need; %s",
              instruction, PytorchFile.RESAVE);
    }
  }

  private PickleValue top() {
    require(stack.size() > bottom(), "a value is missing");
    return stack.get(stack.size() - 1);
  }

  private PickleValue pop() {
    PickleValue top = top();
    stack.remove(stack.size() - 1);
    return top;
  }

  /** Where the values end that belong to an unfinished tuple, list or dictionary. */
  private int bottom() {
    return marks.isEmpty() ? 0 : marks.peek();
  }

  private List<PickleValue> pop(int count) {
    require(stack.size() - bottom() >= count, "a value is missing");
    return popFrom(stack.size() - count);
  }

  private List<PickleValue> popToMark() {
    require(!marks.isEmpty(), "a mark is missing");
    return popFrom(marks.pop());
  }

  private List<PickleValue> popFrom(int start) {
    List<PickleValue> tail = stack.subList(start, stack.size());
    List<PickleValue> items = List.copyOf(tail);
    tail.clear();
    return items;
  }

  private Tuple popTuple() {
    PickleValue value = pop();
    if (value instanceof Tuple tuple) {
      return tuple;
    }
    throw problem("%s, expected a tuple", value.describe());
  }

  private String popText() {
    PickleValue value = pop();
    if (value instanceof Text text) {
      return text.text();
    }
    throw problem("%s, expected a string", value.describe());
  }

  private PickleValue recall(int index) {
    PickleValue value = memo.get(index);
    if (value == null) {
      throw problem("entry %d of the memory is read before it is written", index);
    }
    return value;
  }

  private long longInteger(int length) {
    require(length <= 8, "an integer of %d bytes, expected at most 8", length);
    long value = 0;
    for (int i = 0; i < length; i++) {
      long piece = i == length - 1 ? pickle.get() : pickle.get() & 0xff;
      value |= piece << (8 * i);
    }
    return value;
  }

  private String text(int length) {
    if (length < 0 || length > pickle.remaining()) {
      throw new BufferUnderflowException();
    }
    ByteBuffer bytes = pickle.slice(pickle.position(), length);
    pickle.position(pickle.position() + length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw problem("a string is not UTF-8: %s", String.valueOf(e.getMessage()));
    }
  }

  private String line() {
    int end = pickle.position();
    while (end < pickle.limit() && pickle.get(end) != '\n') {
      end++;
    }
    String text = text(end - pickle.position());
    pickle.get();
    return text;
  }

  private PickleValue global(String module, String name) {
    String global = module + "." + name;
    PickleValue known = GLOBALS.get(global);
    if (known == null) {
      throw problem(
          "asks for %s, which the tensors of a state dict do not need; nothing of it was run. %s",
          printable(global), PytorchFile.RESAVE);
    }
    return known;
  }

  /** Names come from files that may be hostile: no control characters for the terminal. */
  private static String printable(String name) {
    String text = name.replaceAll("\\p{C}", "?");
    return text.length() <= 100 ? text : text.substring(0, 97) + "...";
  }

  private void requireList() {
    require(top() == Unused.LIST, "items for %s, expected a list", top().describe());
  }

  private void setItems(List<PickleValue> items) {
    PickleValue target = top();
    if (!(target instanceof Dictionary dictionary)) {
      throw problem("entries for %s, expected a dictionary", target.describe());
    }
    require(items.size() % 2 == 0, "a key without a value");
    for (int i = 0; i < items.size(); i += 2) {
      if (!(items.get(i) instanceof Text key)) {
        throw problem("%s as a key, expected a string", items.get(i).describe());
      }
      dictionary.entries().put(key.text(), items.get(i + 1));
    }
  }

  /** {@code ("storage", torch.FloatStorage, "0", "cpu", 3104)}. */
  private Storage storage(Tuple id) {
    List<PickleValue> items = id.items();
    if (items.size() == 5
        && items.get(0) instanceof Text kind
        && kind.text().equals("storage")
        && items.get(1) instanceof StorageType type
        && items.get(2) instanceof Text key
        && items.get(4) instanceof Whole elements) {
      return new Storage(type, key.text(), elements.value());
    }
    throw problem("a reference that is not to a storage of elements");
  }

  private PickleValue build(PickleValue called, List<PickleValue> arguments) {
    if (called instanceof Rebuild function) {
      return switch (function) {
        case TENSOR -> tensor(arguments);
        case PARAMETER -> parameter(arguments);
        case ORDERED_DICT -> dictionary(arguments);
      };
    }
    throw problem("%s is called like a function", called.describe());
  }

  private PickleValue dictionary(List<PickleValue> arguments) {
    require(arguments.isEmpty(), "unknown arguments of %s", Rebuild.ORDERED_DICT.global());
    return new Dictionary();
  }

  /** {@code (data, requires_grad, backward_hooks)}. */
  private PickleValue parameter(List<PickleValue> arguments) {
    require(
        arguments.size() == 3 && arguments.get(0) instanceof Tensor,
        "unknown arguments of %s",
        Rebuild.PARAMETER.global());
    return arguments.get(0);
  }

  /** {@code (storage, storage_offset, size, stride, requires_grad, backward_hooks)}. */
  private Tensor tensor(List<PickleValue> arguments) {
    // PyTorch 2 adds a seventh for tensors that are read as negated or conjugated.
    if (arguments.size() == 6
        && arguments.get(0) instanceof Storage storage
        && arguments.get(1) instanceof Whole offset
        && arguments.get(2) instanceof Tuple shape
        && arguments.get(3) instanceof Tuple strides) {
      return new Tensor(storage, offset.value(), shape, strides);
    }
    throw problem("unknown arguments of %s; %s", Rebuild.TENSOR.global(), PytorchFile.RESAVE);
  }

  @FormatMethod
  private void require(boolean condition, String format, Object... args) {
    if (!condition) {
      throw problem(format, args);
    }
  }

  @FormatMethod
  private FormatException problem(String format, Object... args) {
    return new FormatException(
        file, "data.pkl, byte %d: %s", pickle.position(), String.format(format, args));
  }
}
