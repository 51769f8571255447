package org.llmadapters.training;

/** How a run ended that did not fail. */
public enum Ending {
  /** All steps are done. */
  FINISHED("finished"),

  /** The loss on the validation data did not get better any more; nothing is left to do. */
  STOPPED_EARLY("stopped early"),

  /** The process was asked to end; the run can be gone on with. */
  INTERRUPTED("interrupted");

  private final String text;

  Ending(String text) {
    this.text = text;
  }

  /** As in {@code summary.json}. */
  public String text() {
    return text;
  }
}
