package org.llmadapters.training.report;

/** Text for a page. */
final class Html {
  private Html() {}

  /** {@code text} as it is to be read, in an element or in an attribute between double quotes. */
  static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
