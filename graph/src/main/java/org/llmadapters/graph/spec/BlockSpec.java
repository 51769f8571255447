package org.llmadapters.graph.spec;

import com.google.errorprone.annotations.Immutable;

/**
 * How the blocks of a family are wired, and what their modules are called in its checkpoints.
 *
 * @param norm of both normalisations
 * @param activation of the gate in the MLP
 * @param names of the modules
 */
@Immutable
public record BlockSpec(Norm norm, Activation activation, ModuleNames names) {}
