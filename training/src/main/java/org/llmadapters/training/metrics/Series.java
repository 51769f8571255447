package org.llmadapters.training.metrics;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import java.util.OptionalDouble;

/**
 * One value over the steps of a run.
 *
 * @param steps in which it was measured, in the file's order
 * @param values as many; may be NaN or infinite
 */
public record Series(ImmutableLongArray steps, ImmutableDoubleArray values) {
  public Series {
    if (steps.length() != values.length()) {
      throw new IllegalArgumentException(
          "a series needs a value for each step, got "
              + steps.length()
              + " steps and "
              + values.length()
              + " values");
    }
  }

  /** How many values there are. */
  public int size() {
    return values.length();
  }

  /** The newest value. */
  public OptionalDouble last() {
    return size() == 0 ? OptionalDouble.empty() : OptionalDouble.of(values.get(size() - 1));
  }
}
