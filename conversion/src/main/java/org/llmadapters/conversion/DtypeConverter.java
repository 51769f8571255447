package org.llmadapters.conversion;

import org.llmadapters.graph.config.WeightDtype;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the value of {@code --dtype}. */
final class DtypeConverter implements ITypeConverter<WeightDtype> {
  @Override
  public WeightDtype convert(String value) {
    try {
      return WeightDtype.of(value);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
