/** How an instruction becomes the text a model is trained and asked with. */
@NullMarked
package org.llmadapters.eval.prompt;

import org.jspecify.annotations.NullMarked;
