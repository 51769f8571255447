package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;
import org.llmadapters.graph.savedmodel.VariableSaver;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TInt32;

final class GenerateGraphTest {
  private static final List<int[]> PROMPTS =
      List.of(new int[] {5, 9, 30, 2, 17}, new int[] {11}, new int[] {8, 8, 21});

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {4, 2, 1})
  void tensorFlowGeneratesWhatTheFullGraphChooses(int keyValueHeads) throws IOException {
    try (TinyModel model = new TinyModel(keyValueHeads, List.of());
        SavedModelBundle bundle = export(model)) {
      Answer answer = generate(bundle, PROMPTS, 5, 12);

      for (int row = 0; row < PROMPTS.size(); row++) {
        List<Integer> expected = padding(5 - PROMPTS.get(row).length);
        for (int id : PROMPTS.get(row)) {
          expected.add(id);
        }
        expected.addAll(model.generate(PROMPTS.get(row), 12));
        assertThat(answer.ids().get(row)).isEqualTo(expected);
      }
      assertThat(answer.lengths()).containsExactly(12, 12, 12);
    }
  }

  @Test
  void aRowEndsWithItsEndTokenAndIsThenPadded() throws IOException {
    List<Integer> free;
    try (TinyModel model = new TinyModel(2, List.of())) {
      free = model.generate(PROMPTS.get(0), 12);
    }
    int end = free.get(4);
    int length = free.indexOf(end) + 1;
    try (TinyModel model = new TinyModel(2, List.of(36, end));
        SavedModelBundle bundle = export(model)) {
      Answer answer = generate(bundle, List.of(PROMPTS.get(0)), 5, 12);

      List<Integer> expected = new ArrayList<>(free.subList(0, length));
      expected.addAll(padding(12 - length));
      assertThat(answer.ids().get(0).subList(5, 17)).isEqualTo(expected);
      assertThat(answer.lengths()).containsExactly(length);
    }
  }

  @Test
  void generatesNothingWhereNothingIsAskedFor() throws IOException {
    try (TinyModel model = new TinyModel(2, List.of());
        SavedModelBundle bundle = export(model)) {
      Answer answer = generate(bundle, PROMPTS, 5, 0);

      assertThat(answer.ids()).isEqualTo(lists(TinyModel.padded(PROMPTS, 5)));
      assertThat(answer.lengths()).containsExactly(0, 0, 0);
    }
  }

  @Test
  void asksForNoCompilerAndKeepsEveryNodeOfTheModel() {
    try (TinyModel model = new TinyModel(2, List.of())) {
      GenerateGraph generate =
          GenerateGraph.addTo(model.base.graphDef(), model.config, WeightDtype.FLOAT32);

      assertThat(generate.graphDef().toString()).doesNotContain("_XlaMustCompile");
      assertThat(generate.graphDef().getNodeList().stream().map(NodeDef::getName))
          .containsAll(model.base.graphDef().getNodeList().stream().map(NodeDef::getName).toList());
      assertThat(
              generate.graphDef().getNodeList().stream()
                  .map(NodeDef::getName)
                  .filter(
                      name ->
                          model.base.graphDef().getNodeList().stream()
                              .noneMatch(node -> node.getName().equals(name))))
          .allMatch(name -> name.startsWith("generate/"));
    }
  }

  private record Answer(List<List<Integer>> ids, List<Integer> lengths) {}

  private static Answer generate(
      SavedModelBundle bundle, List<int[]> prompts, int columns, int maxNewTokens) {
    try (TInt32 ids = TInt32.tensorOf(StdArrays.ndCopyOf(TinyModel.padded(prompts, columns)));
        TInt32 mask = TInt32.tensorOf(StdArrays.ndCopyOf(TinyModel.mask(prompts, columns)));
        TInt32 count = TInt32.scalarOf(maxNewTokens);
        Result result =
            bundle
                .function("generate")
                .call(Map.of("input_ids", ids, "attention_mask", mask, "max_new_tokens", count))) {
      return new Answer(
          lists(StdArrays.array2dCopyOf((TInt32) result.get("output_ids").orElseThrow())),
          Ints.asList(
              StdArrays.array1dCopyOf((TInt32) result.get("output_lengths").orElseThrow())));
    }
  }

  private SavedModelBundle export(TinyModel model) throws IOException {
    Map<String, float[]> values = model.values();
    try (TensorBundleWriter writer =
        TensorBundleWriter.create(SavedModelWriter.variables(directory), 1 << 20)) {
      for (Weight weight : model.base.weights()) {
        float[] value = Objects.requireNonNull(values.get(weight.name()));
        ByteBuffer bytes = ByteBuffer.allocate(4 * value.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(value);
        writer.add(
            weight.name(),
            weight.dtype().dataType(),
            weight.shape(),
            channel -> {
              while (bytes.hasRemaining()) {
                channel.write(bytes);
              }
            });
      }
      writer.finish();
    }
    GenerateGraph generate =
        GenerateGraph.addTo(model.base.graphDef(), model.config, WeightDtype.FLOAT32);
    VariableSaver.Saver saver = VariableSaver.addTo(generate.graphDef(), model.base.weights());
    SavedModelWriter.write(
        directory, saver.graph(), Map.of("generate", generate.signature()), saver.saverDef());
    return SavedModelBundle.load(directory.toString(), "serve");
  }

  private static List<Integer> padding(int count) {
    return new ArrayList<>(Collections.nCopies(count, TinyModel.PAD));
  }

  private static List<List<Integer>> lists(int[][] rows) {
    return Arrays.stream(rows).map(Ints::asList).toList();
  }
}
