package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SizeTextTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 bytes",
    "1023, 1023 bytes",
    "1024, 1.00 KiB",
    "1572864, 1.50 MiB",
    "13476831232, 12.55 GiB",
    "3298534883328, 3.00 TiB",
  })
  void bytesHaveBinaryUnits(long bytes, String text) {
    assertThat(SizeText.bytes(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "999999, 999999",
    "4194304, 4194304 (4.19 million)",
    "6738415616, 6738415616 (6.74 billion)",
  })
  void countsHaveDecimalOnes(long count, String text) {
    assertThat(SizeText.count(count)).isEqualTo(text);
  }
}
