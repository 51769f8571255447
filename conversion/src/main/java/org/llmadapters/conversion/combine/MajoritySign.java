package org.llmadapters.conversion.combine;

/** How TIES elects the sign of an element: PEFT's {@code majority_sign_method}. */
public enum MajoritySign {
  /** The sign of the sum, so that large values count more. */
  TOTAL("total") {
    @Override
    double vote(float value) {
      return value;
    }
  },
  /** The sign that more of the adapters have. */
  FREQUENCY("frequency") {
    @Override
    double vote(float value) {
      return Math.signum(value);
    }
  };

  private final String peftName;

  MajoritySign(String peftName) {
    this.peftName = peftName;
  }

  /** What {@code value} adds to the sum whose sign is elected. */
  abstract double vote(float value);

  /**
   * The method called {@code peftName}.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static MajoritySign of(String peftName) {
    for (MajoritySign method : values()) {
      if (method.peftName.equals(peftName)) {
        return method;
      }
    }
    throw new IllegalArgumentException(
        "majority_sign_method must be total or frequency, got " + peftName);
  }
}
