package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class NvidiaSmiTest {
  @Test
  void memoryOfAProcessIsThatOnAllGpus() {
    String answer = "4711, 1024\n12, 7\n4711, 2000\n13, [N/A]\n";
    assertThat(NvidiaSmi.usedBy(4711, answer)).hasValue(3024);
    assertThat(NvidiaSmi.usedBy(12, answer)).hasValue(7);
    assertThat(NvidiaSmi.usedBy(13, answer)).isEmpty();
    assertThat(NvidiaSmi.usedBy(14, answer)).isEmpty();
    assertThat(NvidiaSmi.usedBy(14, "No running processes found")).isEmpty();
  }

  private static final String VERSIONS =
      """

      ==============NVSMI LOG==============

      Timestamp                                 : Tue Dec  1 01:00:00 2026
      Driver Version                            : 550.54.15
      CUDA Version                              : 12.4

      Attached GPUs                             : 2
      GPU 00000000:01:00.0
          Compute Mode                          : Default
      """;

  @Test
  void readsVersionsAndGpus() throws IOException {
    NvidiaSmi smi =
        NvidiaSmi.parse(
            VERSIONS,
            "0, NVIDIA H200, 143771, 143160, 9.0\n1, NVIDIA A100-SXM4-40GB, 40960, 17, 8.0\n");
    assertThat(smi)
        .isEqualTo(
            new NvidiaSmi(
                Optional.of("550.54.15"),
                Optional.of("12.4"),
                java.util.List.of(
                    new NvidiaGpu(
                        0,
                        "NVIDIA H200",
                        OptionalLong.of(143771),
                        OptionalLong.of(143160),
                        new NvidiaGpu.Capability(9, 0)),
                    new NvidiaGpu(
                        1,
                        "NVIDIA A100-SXM4-40GB",
                        OptionalLong.of(40960),
                        OptionalLong.of(17),
                        new NvidiaGpu.Capability(8, 0)))));
  }

  @Test
  void memoryThatIsNotToldIsUnknown() throws IOException {
    NvidiaGpu gpu =
        NvidiaSmi.parse("", "0, NVIDIA GB10, [N/A], [Not Supported], 12.1").gpus().get(0);
    assertThat(gpu.memoryTotal()).isEmpty();
    assertThat(gpu.memoryFree()).isEmpty();
    assertThat(gpu.capability()).hasToString("12.1");
  }

  @Test
  void whatIsNotToldIsEmpty() throws IOException {
    assertThat(NvidiaSmi.parse("CUDA Version : ERR!\nDriver Version : x", "\n"))
        .isEqualTo(new NvidiaSmi(Optional.empty(), Optional.empty(), java.util.List.of()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "No devices were found",
        "0, NVIDIA H200, 143771 MiB, 143160 MiB, 9.0",
        "0, NVIDIA H200, 143771, 143160",
        "0, NVIDIA H200, 143771, 143160, [N/A]",
        "zero, NVIDIA H200, 143771, 143160, 9.0",
        "0, NVIDIA H200, -1, 143160, 9.0",
        "0, NVIDIA H200, 99999999999999999999, 143160, 9.0",
        "Field \"compute_cap\" is not a valid field to query.",
      })
  void anAnswerOfAnotherFormIsShown(String line) {
    assertThatThrownBy(() -> NvidiaSmi.parse(VERSIONS, line))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "nvidia-smi answered '"
                + line
                + "', expected 'INDEX, NAME, MEMORY, FREE MEMORY, COMPUTE CAPABILITY'");
  }

  @ParameterizedTest
  @CsvSource({
    "5, 2, is too old",
    "6, 0, ''",
    "7, 5, ''",
    "8, 9, ''",
    "9, 0, ''",
    "10, 0, is newer than",
    "12, 1, is newer than"
  })
  void onlyGpusOutsideOfTensorFlowsMachineCodeHaveARemark(int major, int minor, String expected) {
    Optional<String> remark =
        new NvidiaGpu(
                3,
                "X",
                OptionalLong.empty(),
                OptionalLong.empty(),
                new NvidiaGpu.Capability(major, minor))
            .remark();
    if (expected.isEmpty()) {
      assertThat(remark).isEmpty();
    } else {
      assertThat(remark.orElseThrow())
          .startsWith("GPU 3 (X): compute capability " + major + "." + minor + " " + expected);
    }
  }
}
