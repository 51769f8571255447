package org.llmadapters.eval.jinja;

/** The value of a variable or key that is not there; it is false and is written as nothing. */
record Undefined(String name) {
  @Override
  public boolean equals(Object other) {
    return other instanceof Undefined;
  }

  @Override
  public int hashCode() {
    return 0;
  }
}
