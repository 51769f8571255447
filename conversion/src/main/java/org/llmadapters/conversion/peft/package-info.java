/** Adapter directories as PEFT and LLM-Adapters write them. */
@NullMarked
package org.llmadapters.conversion.peft;

import org.jspecify.annotations.NullMarked;
