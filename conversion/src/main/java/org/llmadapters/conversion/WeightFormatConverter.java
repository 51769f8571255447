package org.llmadapters.conversion;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the value of {@code convert --dtype}. */
final class WeightFormatConverter implements ITypeConverter<WeightFormat> {
  @Override
  public WeightFormat convert(String value) {
    try {
      return WeightFormat.of(value);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
