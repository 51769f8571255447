package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

final class StopStringsTest {
  private static final StopStrings STOP = new StopStrings(List.of("### In", "\n\n"));

  @Test
  void aTextIsCutBeforeTheFirstOfThem() {
    assertThat(STOP.cut("4\n\nso ### Instruction:")).isEqualTo("4");
    assertThat(STOP.cut("4 ### Instruction:\n\n")).isEqualTo("4 ");
    assertThat(STOP.cut("### In")).isEmpty();
    assertThat(STOP.cut("4\n### in")).isEqualTo("4\n### in");
    assertThat(StopStrings.NONE.cut("4\n\n")).isEqualTo("4\n\n");
  }

  @Test
  void whatMayBecomeOneOfThemIsHeldBack() {
    assertThat(STOP.certain("four\n")).isEqualTo("four");
    assertThat(STOP.certain("four #")).isEqualTo("four ");
    assertThat(STOP.certain("four ### I")).isEqualTo("four ");
    assertThat(STOP.certain("four ####")).isEqualTo("four #");
    assertThat(STOP.certain("four ### i")).isEqualTo("four ### i");
    assertThat(STOP.certain("four ### Instead\n")).isEqualTo("four ");
    assertThat(STOP.certain("###")).isEmpty();
    assertThat(StopStrings.NONE.certain("four #")).isEqualTo("four #");
  }

  @Test
  void rejectsAnEmptyOne() {
    assertThatThrownBy(() -> new StopStrings(List.of("a", "")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a stop string is empty, so every answer would be");
  }
}
