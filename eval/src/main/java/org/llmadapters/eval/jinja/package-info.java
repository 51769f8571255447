/** The part of the Jinja template language that chat templates use, interpreted within bounds. */
@NullMarked
package org.llmadapters.eval.jinja;

import org.jspecify.annotations.NullMarked;
