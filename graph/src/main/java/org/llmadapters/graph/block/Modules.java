package org.llmadapters.graph.block;

import java.util.HashMap;
import java.util.Map;

/**
 * The modules of one graph by their full paths. Several share a beginning ({@code model.layers}),
 * but a scope may be opened only once: TensorFlow renames its second opening.
 */
final class Modules {
  private final Module root;
  private final Map<String, Module> opened = new HashMap<>();

  Modules(Module root) {
    this.root = root;
  }

  /** The module at {@code path}, e.g. {@code model.layers.0}. */
  Module at(String path) {
    Module known = opened.get(path);
    if (known != null) {
      return known;
    }
    int dot = path.lastIndexOf('.');
    Module parent = dot < 0 ? root : at(path.substring(0, dot));
    Module module = parent.child(path.substring(dot + 1));
    opened.put(path, module);
    return module;
  }
}
