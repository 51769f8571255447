package org.llmadapters.conversion.pytorch;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

/** Files that do what {@code torch.save} never does, by accident or on purpose. */
final class MaliciousPickleTest {
  private static final String RESAVE =
      "if you trust the file, load it with a current PyTorch and save its state dict with"
          + " safetensors.torch.save_file(state_dict, \"model.safetensors\", {\"format\": \"pt\"})";
  private static final long[] TWO = {2};
  private static final long[] ONE = {1};

  @TempDir Path directory;
  private Path file = Path.of("");

  @BeforeEach
  void setUp() {
    file = directory.resolve("pytorch_model.bin");
  }

  private void assertRefused(String message) {
    assertThatThrownBy(() -> PytorchFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": " + message);
  }

  private void assertPickleRefused(TorchSave saved, String message) throws IOException {
    saved.writePickle(file);
    assertThatThrownBy(() -> PytorchFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessageMatching("\\Q" + file + ": data.pkl, byte \\E\\d+\\Q: " + message + "\\E");
  }

  private void assertTensorRefused(TorchSave saved, String problem) throws IOException {
    saved.write(file);
    assertRefused("is not a state dict that can be read: 1 problem with its tensors\n  " + problem);
  }

  private static TorchSave storage() {
    return TorchSave.dictionary().storage("0", new byte[24]).text("t");
  }

  @Test
  void runsNoCommands() throws IOException {
    Path trace = directory.resolve("trace");
    TorchSave saved = TorchSave.dictionary().text("t").global("os", "system").op('(');
    saved.text("touch " + trace).op('t', 'R', 'u', '.').writePickle(file);
    assertRefused(
        "data.pkl, byte 21: asks for os.system, which the tensors of a state dict do not need;"
            + " nothing of it was run. "
            + RESAVE);
    assertThat(trace).doesNotExist();
  }

  @Test
  void callsUpNothingButTensors() throws IOException {
    for (String global :
        new String[] {
          "posix.system",
          "builtins.eval",
          "builtins.getattr",
          "torch.load",
          "torch.ComplexFloatStorage",
          "torch._utils._rebuild_tensor_v3",
          "java.lang.Runtime",
          "org.llmadapters.conversion.pytorch.StorageType",
          "collections.OrderedDict.fromkeys",
          "."
        }) {
      int dot = global.lastIndexOf('.');
      String refusal =
          "asks for "
              + global
              + ", which the tensors of a state dict do not need; nothing of it was run. "
              + RESAVE;
      String module = global.substring(0, dot);
      String name = global.substring(dot + 1);
      assertPickleRefused(TorchSave.dictionary().global(module, name), refusal);
      assertPickleRefused(TorchSave.dictionary().text(module).text(name).op(0x93), refusal);
    }
  }

  @Test
  void showsNoControlCharacters() throws IOException {
    assertPickleRefused(
        TorchSave.dictionary().global("a\u001b[2J", "b".repeat(200)),
        "asks for a?[2J."
            + "b".repeat(91)
            + "..., which the tensors of a state dict do not need; nothing of it was run. "
            + RESAVE);
  }

  @Test
  void knowsNoOtherInstructions() throws IOException {
    // INST, OBJ, NEWOBJ, EXT1, PERSID, INT, DUP, POP, NEXT_BUFFER, BINBYTES8
    for (int instruction : new int[] {'i', 'o', 0x81, 0x82, 'P', 'I', '2', '0', 0x97, 0x8e}) {
      assertPickleRefused(
          TorchSave.dictionary().op(instruction, 0, 0, 0),
          String.format(
              "instruction 0x%02x, which the tensors of a state dict do not need; %s",
              instruction, RESAVE));
    }
  }

  @Test
  void callsOnlyFunctionsWithTheirArguments() throws IOException {
    assertPickleRefused(
        TorchSave.dictionary().global("torch", "FloatStorage").op(')', 'R'),
        "the class torch.FloatStorage is called like a function");
    assertPickleRefused(
        TorchSave.dictionary().text("print").op(')', 'R'), "a string is called like a function");
    assertPickleRefused(
        TorchSave.dictionary().global("torch._utils", "_rebuild_tensor_v2").op(')', 'R'),
        "unknown arguments of torch._utils._rebuild_tensor_v2; " + RESAVE);
    assertPickleRefused(
        TorchSave.dictionary().global("torch._utils", "_rebuild_parameter").op('N', 0x85, 'R'),
        "unknown arguments of torch._utils._rebuild_parameter");
    assertPickleRefused(
        TorchSave.dictionary().global("collections", "OrderedDict").op('N', 0x85, 'R'),
        "unknown arguments of collections.OrderedDict");
    assertPickleRefused(
        TorchSave.dictionary().global("collections", "OrderedDict").op('N', 'R'),
        "None, expected a tuple");
    assertPickleRefused(
        storage().tensor("FloatStorage", "0", 6, 0, TWO, ONE).op('N', 'b'),
        "attributes of a tensor");
  }

  @Test
  void refersOnlyToStorages() throws IOException {
    String message = "a reference that is not to a storage of elements";
    assertPickleRefused(TorchSave.dictionary().op(')', 'Q'), message);
    TorchSave module = TorchSave.dictionary().op('(').text("module").global("torch", "IntStorage");
    assertPickleRefused(module.text("0").text("cpu").op('K', 1, 't', 'Q'), message);
    assertPickleRefused(
        TorchSave.dictionary().text("/etc/passwd").op('Q'), "a string, expected a tuple");
  }

  @Test
  void readsNoOtherFiles() throws IOException {
    for (String key : new String[] {"1", "../data.pkl", "/etc/passwd", "..\\0", "", "0/"}) {
      assertTensorRefused(
          storage().tensor("FloatStorage", key, 6, 0, TWO, ONE),
          "t: the file has no entry data/" + key);
    }
  }

  @Test
  void checksCountsAgainstTheStorage() throws IOException {
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 5, TWO, ONE),
        "t: F32 [2] ends at element 7 of data/0, which has 6 of 6: is the file damaged?");
    assertTensorRefused(
        storage().tensor("DoubleStorage", "0", 6, 0, TWO, ONE),
        "t: F64 [2] ends at element 2 of data/0, which has 3 of 6: is the file damaged?");
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, -1, TWO, ONE),
        "t: F32 [2] ends at element 1 of data/0, which has 6 of 6: is the file damaged?");
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, new long[] {1L << 40}, ONE),
        "t: F32 [1099511627776] ends at element 1099511627776 of data/0, which has 6 of 6: is the"
            + " file damaged?");
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, new long[] {1L << 62, 4}, new long[] {4, 1}),
        "t: shape [4611686018427387904, 4] is too large");
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, TWO, new long[] {Long.MAX_VALUE}),
        "t: shape [2] is too large");
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, new long[] {1L << 40}, new long[] {0}),
        "t: shape [1099511627776] repeats elements, strides [0]; save it as tensor.contiguous()");
  }

  @Test
  void checksShapes() throws IOException {
    String message =
        "t: its shape and its strides must be of one length, at most 64 integers that are not"
            + " negative";
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, TWO, new long[] {1, 1}), message);
    assertTensorRefused(storage().tensor("FloatStorage", "0", 6, 0, new long[] {-2}, ONE), message);
    assertTensorRefused(
        storage().tensor("FloatStorage", "0", 6, 0, new long[65], new long[65]), message);
  }

  @Test
  void listsWhatIsNotATensor() throws IOException {
    TorchSave saved = TorchSave.dictionary().text("epoch").op('K', 3).text("model").op('}');
    saved.text("best").op('N').text("lr").op('G').repeat(8, 0).text("sizes").op(')');
    saved.text("names").op(']').text("last").op(0x88).write(file);
    assertRefused(
        """
        is not a state dict that can be read: 7 problems with its tensors
          epoch is an integer, expected a tensor
          model is a dictionary, expected a tensor
          best is None, expected a tensor
          lr is a number, expected a tensor
          sizes is a tuple, expected a tensor
          names is a list, expected a tensor
          last is a boolean, expected a tensor""");
    TorchSave.empty().op(0x80, 2, ']', '.').writePickle(file);
    assertRefused("holds a list, expected a state dict: tensors by name");
  }

  @Test
  void endsDeepNesting() throws IOException {
    String message = "nested too deeply: more than 65536 values are unfinished";
    assertPickleRefused(TorchSave.empty().repeat(100_000, '('), message);
    assertPickleRefused(TorchSave.empty().repeat(100_000, '}'), message);
    TorchSave tuples = TorchSave.dictionary().text("t").op(')').repeat(200_000, 0x85).op('u', '.');
    tuples.writePickle(file);
    assertRefused(
        "is not a state dict that can be read: 1 problem with its tensors\n"
            + "  t is a tuple, expected a tensor");
  }

  @Test
  void endsEndlessWork() throws IOException {
    assertPickleRefused(
        TorchSave.empty().op(']').repeat(1_000_000, 'N', 'a'), "more than 2000000 instructions");
    TorchSave.empty().op(']').repeat(9 << 20, 'N', 'a').writePickle(file);
    assertRefused("data.pkl has 18874369 bytes, expected at most 16777216");
  }

  /** The same tensor under many names. */
  @Test
  void endsLongLists() throws IOException {
    TorchSave saved = storage().tensor("FloatStorage", "0", 6, 0, TWO, ONE).op('q', 9, 'u');
    for (int i = 0; i < 50_000; i++) {
      saved.text("t" + i).op('h', 9, 's');
    }
    saved.op('.').writePickle(file);
    assertRefused("lists more than 50000 tensors");
  }

  @Test
  void survivesValuesThatHoldThemselves() throws IOException {
    TorchSave loop = TorchSave.empty().op('}', 'q', 0).text("t").op('h', 0, 's', '.');
    loop.writePickle(file);
    assertRefused(
        "is not a state dict that can be read: 1 problem with its tensors\n"
            + "  t is a dictionary, expected a tensor");
    assertPickleRefused(
        TorchSave.empty().op('}', '(', 'h', 5),
        "entry 5 of the memory is read before it is written");
    assertPickleRefused(
        TorchSave.empty().op('}', 'j', 0xff, 0xff, 0xff, 0xff),
        "entry -1 of the memory is read before it is written");
  }

  @Test
  void missesWhatIsMissing() throws IOException {
    assertPickleRefused(TorchSave.empty().op('.'), "a value is missing");
    assertPickleRefused(TorchSave.empty().op('N', '(', '.'), "a value is missing");
    assertPickleRefused(TorchSave.empty().op('N', '(', 'q', 0), "a value is missing");
    assertPickleRefused(TorchSave.empty().op('N', 'N', 0x87), "a value is missing");
    assertPickleRefused(TorchSave.empty().op('N', 't'), "a mark is missing");
    assertPickleRefused(TorchSave.empty().op('}', '(').text("t").op('u'), "a key without a value");
    assertPickleRefused(
        TorchSave.empty().op('}', 'N', 'N', 's'), "None as a key, expected a string");
    assertPickleRefused(
        TorchSave.empty().op('N', 'N', 'N', 's'), "entries for None, expected a dictionary");
    assertPickleRefused(
        TorchSave.empty().op('}', 'N', 'a'), "items for a dictionary, expected a list");
    assertPickleRefused(TorchSave.empty().op('N', 'N', 0x93), "None, expected a string");
    assertPickleRefused(
        TorchSave.empty().op(0x8a, 9).repeat(9, 1), "an integer of 9 bytes, expected at most 8");
    assertPickleRefused(
        TorchSave.empty().op('X', 1, 0, 0, 0, 0xff), "a string is not UTF-8: Input length = 1");
  }

  @Test
  void refusesPicklesThatEndEarly() throws IOException {
    for (TorchSave saved :
        new TorchSave[] {
          TorchSave.empty(),
          TorchSave.dictionary(),
          TorchSave.dictionary().op('K'),
          TorchSave.dictionary().op('J', 1, 2),
          TorchSave.dictionary().op('X', 5, 0, 0, 0, 'a'),
          TorchSave.dictionary().op('X', 0xff, 0xff, 0xff, 0xff, 'a'),
          TorchSave.dictionary().op(0x8a, 3, 1),
          TorchSave.dictionary().op('c', 'o', 's')
        }) {
      saved.writePickle(file);
      assertRefused("data.pkl ends within an instruction: is the file damaged?");
    }
  }

  @Test
  void saysWhichFormatItIsInstead() throws IOException {
    byte[] old = new byte[600];
    System.arraycopy(
        new byte[] {
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
        },
        0,
        old,
        0,
        14);
    Files.write(file, old);
    assertRefused("is in a format that PyTorch wrote before version 1.6; " + RESAVE);
    byte[] tar = new byte[600];
    System.arraycopy("ustar".getBytes(US_ASCII), 0, tar, 257, 5);
    Files.write(file, tar);
    assertRefused("is in a format that PyTorch wrote before version 1.6; " + RESAVE);
    Files.write(file, new byte[] {(byte) 0x80, 4, '}', '.'});
    assertRefused("is a bare pickle, not a file of torch.save; " + RESAVE);
    for (byte[] other : new byte[][] {{}, {'P'}, "version https://git-lfs".getBytes(US_ASCII)}) {
      Files.write(file, other);
      assertRefused(
          "is not a file of PyTorch 1.6 or later, which begins like a zip file; " + RESAVE);
    }
  }

  @Test
  void saysWhatIsNoFile() {
    assertRefused("no such file");
    file = directory;
    assertRefused("is not a regular file");
  }

  @Test
  void refusesOtherZipFiles() throws IOException {
    TorchSave.dictionary().entry("other/data.pkl", new byte[0]).write(file);
    assertRefused(
        "is a zip file with 2 entries called NAME/data.pkl, expected 1: was it written by"
            + " torch.save?");
    TorchSave.dictionary().compressed().write(file);
    assertRefused(
        "archive/data.pkl is compressed or encrypted, which torch.save does not do; " + RESAVE);
    TorchSave.dictionary().write(file);
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(() -> PytorchFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": is not a whole zip file: is it truncated? ");
  }

  @Test
  void refusesBigEndianElements() throws IOException {
    TorchSave.dictionary().entry("archive/byteorder", "little".getBytes(US_ASCII)).write(file);
    try (PytorchFile tensors = PytorchFile.open(file)) {
      assertThat(tensors.tensors()).isEmpty();
    }
    TorchSave.dictionary().entry("archive/byteorder", "big".getBytes(US_ASCII)).write(file);
    assertRefused("its byte order is big, expected little; " + RESAVE);
    TorchSave.dictionary().entry("archive/byteorder", "middle".getBytes(US_ASCII)).write(file);
    assertRefused("its byte order is unknown, expected little; " + RESAVE);
  }
}
