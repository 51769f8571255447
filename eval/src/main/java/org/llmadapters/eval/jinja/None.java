package org.llmadapters.eval.jinja;

/** Python's {@code None}. */
enum None {
  NONE
}
