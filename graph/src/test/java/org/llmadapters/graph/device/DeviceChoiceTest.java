package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DeviceChoiceTest {
  @Test
  void readsAllForms() {
    assertThat(DeviceChoice.parse("auto").device()).isEmpty();
    assertThat(DeviceChoice.parse("cpu").device()).contains(Device.CPU);
    assertThat(DeviceChoice.parse("gpu").device()).contains(new Device(Device.Kind.GPU, 0));
    assertThat(DeviceChoice.parse("gpu:0")).isEqualTo(DeviceChoice.parse("gpu"));
    assertThat(DeviceChoice.parse("gpu:12").device()).isEqualTo(Optional.of(Device.gpu(12)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "cpu", "gpu:0", "gpu:7"})
  void isWrittenAsItIsRead(String text) {
    assertThat(DeviceChoice.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "GPU",
        "Cpu",
        " gpu",
        "gpu:",
        "gpu:-1",
        "gpu:01",
        "gpu:99999",
        "gpu:0,1",
        "cuda"
      })
  void refusesAllElse(String text) {
    assertThatThrownBy(() -> DeviceChoice.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "device '%s' is not known; expected auto, cpu, gpu or gpu:N with N from 0", text);
  }

  @Test
  void aCpuHasNoIndex() {
    assertThatThrownBy(() -> new Device(Device.Kind.CPU, 1))
        .hasMessage("index of a CPU must be 0, got 1");
    assertThatThrownBy(() -> Device.gpu(-1)).hasMessage("index of a GPU must be >= 0, got -1");
  }
}
