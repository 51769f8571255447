package org.llmadapters.eval.jinja;

/** A function of a template. */
@FunctionalInterface
interface Callable {
  /** What it gives for {@code arguments}. */
  Object call(Rendering rendering, Arguments arguments);
}
