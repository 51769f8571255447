/** Text to token ids and back. */
@NullMarked
package org.llmadapters.conversion.tokenizer;

import org.jspecify.annotations.NullMarked;
