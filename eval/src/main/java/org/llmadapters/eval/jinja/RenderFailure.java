package org.llmadapters.eval.jinja;

import com.google.errorprone.annotations.FormatMethod;
import java.io.Serial;
import java.util.Locale;

/** Why a template cannot be rendered; {@link JinjaTemplate} adds where. */
final class RenderFailure extends IllegalArgumentException {
  @Serial private static final long serialVersionUID = 1;

  @FormatMethod
  RenderFailure(String format, Object... args) {
    super(String.format(Locale.ROOT, format, args));
  }
}
