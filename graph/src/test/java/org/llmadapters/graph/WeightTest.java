package org.llmadapters.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.config.WeightDtype;

final class WeightTest {

  @Test
  void countsElementsAndBytes() {
    Weight weight = new Weight("model.norm.weight", WeightDtype.BFLOAT16, List.of(3L, 5L));
    assertThat(weight.node()).isEqualTo("model/norm/weight");
    assertThat(weight.elements()).isEqualTo(15);
    assertThat(weight.bytes()).isEqualTo(30);
  }

  @Test
  void aScalarHasOneElement() {
    Weight scalar = new Weight("scale", WeightDtype.FLOAT32, List.of());
    assertThat(scalar.elements()).isEqualTo(1);
    assertThat(scalar.bytes()).isEqualTo(4);
  }

  @Test
  void refusesSizesThatOverflow() {
    Weight huge = new Weight("huge", WeightDtype.FLOAT32, List.of(1L << 32, 1L << 31));
    assertThatThrownBy(huge::elements).isInstanceOf(ArithmeticException.class);
    Weight large = new Weight("large", WeightDtype.FLOAT32, List.of(1L << 61));
    assertThatThrownBy(large::bytes).isInstanceOf(ArithmeticException.class);
  }
}
