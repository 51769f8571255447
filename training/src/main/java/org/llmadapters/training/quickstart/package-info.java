/** The command {@code quickstart}, and the comparison of all kinds of adapters on its sample. */
@NullMarked
package org.llmadapters.training.quickstart;

import org.jspecify.annotations.NullMarked;
