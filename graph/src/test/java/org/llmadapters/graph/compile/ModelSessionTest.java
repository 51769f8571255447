package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat32;

final class ModelSessionTest {
  private static final Weight A = new Weight("m.a", WeightDtype.FLOAT32, List.of(2L, 3L));
  private static final Weight B = new Weight("m.b", WeightDtype.FLOAT32, List.of(1L));
  private static final Weight HALF = new Weight("m.half", WeightDtype.BFLOAT16, List.of(2L));
  private static final float[] VALUES = {1, 2, 3, 4, 5, 6};

  @TempDir Path directory;

  private final ModelSession session = new ModelSession(SessionOptions.oneReplica());

  @AfterEach
  void close() {
    session.close();
  }

  @Test
  void givesBackWhatWasAssigned() {
    session.declare(List.of(A, B));
    session.assign(Map.of("m.a", VALUES, "m.b", new float[] {-1}));
    assertThat(session.value(A)).containsExactly(VALUES);
    assertThat(session.value(B)).containsExactly(-1);
  }

  @Test
  void aSecondAssignmentReplacesTheFirst() {
    session.declare(List.of(B));
    session.assign(Map.of("m.b", new float[] {1}));
    session.assign(Map.of("m.b", new float[] {2}));
    assertThat(session.value(B)).containsExactly(2);
  }

  @Test
  void readIsTheValueToComputeWith() {
    session.declare(List.of(A, B));
    session.assign(Map.of("m.a", VALUES, "m.b", new float[] {10}));
    Operand<TFloat32> product =
        session
            .tf()
            .sum(
                session.tf().math.mul(session.<TFloat32>read(A), session.<TFloat32>read(B)),
                session.tf().constant(new int[] {0, 1}));
    try (Result result = session.session().runner().fetch(product).run()) {
      assertThat(((TFloat32) result.get(0)).getFloat()).isEqualTo(210);
    }
  }

  @Test
  void declaresZerosAndSetsThemAgain() {
    session.declareZeros(List.of(A));
    assertThat(session.value(A)).containsOnly(0);
    session.assign(Map.of("m.a", VALUES));
    session.session().run(session.assignZeros(A));
    assertThat(session.value(A)).hasSize(6).containsOnly(0);
  }

  /** 40 MiB each, two of which are more than one call moves. */
  @Test
  void movesMoreThanOneCallHolds() {
    List<Weight> weights =
        Stream.of("m.x", "m.y", "m.z")
            .map(name -> new Weight(name, WeightDtype.FLOAT32, List.of(10L << 20)))
            .toList();
    session.declare(weights);
    List<String> asked = new ArrayList<>();
    session.assign(
        weights,
        weight -> {
          asked.add(weight.name());
          float[] values = new float[10 << 20];
          Arrays.fill(values, asked.size());
          return values;
        });
    assertThat(asked).containsExactly("m.x", "m.y", "m.z");
    List<String> given = new ArrayList<>();
    session.forEachValue(
        weights,
        (weight, values) -> {
          given.add(weight.name());
          float[] expected = new float[10 << 20];
          Arrays.fill(expected, given.size());
          assertThat(Arrays.equals(values, expected)).as(weight.name()).isTrue();
        });
    assertThat(given).containsExactly("m.x", "m.y", "m.z");
  }

  @Test
  void knowsWhatItHoldsInFloat32() {
    session.declare(List.of(A, HALF));
    assertThat(session.isFloat32("m.a")).isTrue();
    assertThat(session.isFloat32("m.half")).isFalse();
  }

  @Test
  void declaresNothing() {
    session.declare(List.of());
    session.declareZeros(List.of());
    session.assign(Map.of());
    assertThatThrownBy(() -> session.value(A)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void rejectsDeclaringAVariableTwice() {
    session.declare(List.of(A));
    assertThatThrownBy(() -> session.declare(List.of(B, A)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("variable m.a exists already");
    assertThatThrownBy(() -> session.declareZeros(List.of(A)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("variable m.a exists already");
  }

  @Test
  void rejectsVariablesThatWereNotDeclared() {
    session.declare(List.of(B));
    String message = "no variable is called m.a";
    assertThatThrownBy(() -> session.assign(Map.of("m.a", VALUES)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> session.value(A))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> session.read(A))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> session.handle(A))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> session.isFloat32("m.a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> session.restore(bundle(List.of(A)), List.of(A)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void rejectsValuesOfAnotherSize() {
    session.declare(List.of(A));
    assertThatThrownBy(() -> session.assign(Map.of("m.a", new float[7])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("m.a: got 7 values for shape [2, 3]");
    assertThatThrownBy(() -> session.assign(Map.of("m.a", new float[5])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("m.a: got 5 values for shape [2, 3]");
  }

  /** 1 + 1/256 has no bfloat16; the nearest even one is 1. */
  @Test
  void roundsWhatItAssignsToTheDtypeOfTheVariable() {
    session.declare(List.of(HALF));
    session.assign(Map.of("m.half", new float[] {1 + 1 / 256f, -2}));
    Operand<TFloat32> wide =
        session.tf().dtypes.cast(session.<TBfloat16>read(HALF), TFloat32.class);
    try (Result result = session.session().runner().fetch(wide).run()) {
      TFloat32 values = (TFloat32) result.get(0);
      assertThat(List.of(values.getFloat(0), values.getFloat(1))).containsExactly(1f, -2f);
    }
  }

  @Test
  void givesBackFloat32Only() {
    session.declare(List.of(HALF));
    assertThatThrownBy(() -> session.value(HALF))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("m.half is bfloat16, expected float32");
  }

  @Test
  void restoresMoreVariablesThanItReadsAtOnce() throws IOException {
    List<Weight> weights = new ArrayList<>();
    for (int i = 0; i < 35; i++) {
      weights.add(new Weight("w." + i, WeightDtype.FLOAT32, List.of(1L + i % 3)));
    }
    session.declare(weights);
    session.restore(bundle(weights), weights);
    for (int i = 0; i < weights.size(); i++) {
      assertThat(session.value(weights.get(i))).hasSize(1 + i % 3).containsOnly(i);
    }
  }

  @Test
  void restoresIntoVariablesOfAnotherDtype() throws IOException {
    Weight master = new Weight(HALF.name(), WeightDtype.FLOAT32, HALF.shape());
    session.declare(List.of(B, master));
    session.restore(bundle(List.of(B, HALF)), List.of(B, HALF));
    assertThat(session.value(master)).containsExactly(1, 1);
  }

  /** A bundle in which every element of weight number i is i. */
  private Path bundle(List<Weight> weights) throws IOException {
    Path prefix = directory.resolve("variables");
    try (TensorBundleWriter writer =
        TensorBundleWriter.create(prefix, TensorBundleWriter.DEFAULT_SHARD_BYTES)) {
      for (int i = 0; i < weights.size(); i++) {
        Weight weight = weights.get(i);
        int value = Float.floatToIntBits(i);
        ByteBuffer bytes = ByteBuffer.allocate((int) weight.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
          if (weight.dtype() == WeightDtype.FLOAT32) {
            bytes.putInt(value);
          } else {
            bytes.putShort((short) (value >>> 16)); // bfloat16
          }
        }
        writer.add(
            weight.name(),
            weight.dtype().dataType(),
            weight.shape(),
            channel -> channel.write(bytes.flip()));
      }
      writer.finish();
    }
    return prefix;
  }
}
