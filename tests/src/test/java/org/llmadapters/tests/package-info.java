@NullMarked
package org.llmadapters.tests;

import org.jspecify.annotations.NullMarked;
