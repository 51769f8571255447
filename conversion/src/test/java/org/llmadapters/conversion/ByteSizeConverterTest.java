package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

final class ByteSizeConverterTest {
  private final ByteSizeConverter converter = new ByteSizeConverter();

  @Test
  void readsSizesAsHuggingFaceDoes() {
    assertThat(converter.convert("5GB")).isEqualTo(5_000_000_000L);
    assertThat(converter.convert("200MB")).isEqualTo(200_000_000L);
    assertThat(converter.convert("1KB")).isEqualTo(1000L);
  }

  @Test
  void refusesWhatIsNoSize() {
    for (String value :
        new String[] {"", "5", "GB", "0GB", "-1GB", "1.5GB", "5GiB", "5gb", "5 GB"}) {
      assertThatThrownBy(() -> converter.convert(value))
          .isInstanceOf(TypeConversionException.class)
          .hasMessage(
              "'" + value + "' is not a size; expected a number with KB, MB or GB, such as 500MB");
    }
  }
}
