package org.llmadapters.graph.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tensorflow.proto.DataType;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TUint8;

final class WeightDtypeTest {

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "UINT8")
  void isFoundByEachOfItsNames(WeightDtype dtype) {
    assertThat(WeightDtype.of(dtype.hfName())).isEqualTo(dtype);
    assertThat(WeightDtype.of(dtype.dataType())).isEqualTo(dtype);
  }

  @Test
  void hasTheNamesAndSizesOfTheFormats() {
    assertThat(WeightDtype.values())
        .extracting(dtype -> dtype.hfName() + " " + dtype.safetensorsName() + " " + dtype.bytes())
        .containsExactly("float32 F32 4", "bfloat16 BF16 2", "float16 F16 2", "uint8 U8 1");
    assertThat(WeightDtype.values())
        .<Object>extracting(TensorTypes::of)
        .containsExactly(TFloat32.class, TBfloat16.class, TFloat16.class, TUint8.class);
  }

  @Test
  void rejectsOtherDtypes() {
    assertThatThrownBy(() -> WeightDtype.of("int8"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("dtype must be one of float32, bfloat16, float16, got int8");
    assertThatThrownBy(() -> WeightDtype.of(DataType.DT_INT32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("weights are float32, bfloat16, float16, got DT_INT32");
  }
}
