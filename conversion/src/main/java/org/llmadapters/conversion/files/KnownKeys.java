package org.llmadapters.conversion.files;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys of a configuration that others define and extend: what would change the computation is
 * refused, and only what is harmless or not known is passed over.
 *
 * @param read keys that are read
 * @param unsupported keys that would change the computation unless they are absent, null, false or
 *     empty, and what to say about them
 * @param ignored keys without effect, and why
 */
public record KnownKeys(
    Set<String> read, Map<String, String> unsupported, Map<String, String> ignored) {
  private static final Logger LOG = LoggerFactory.getLogger(KnownKeys.class);

  public KnownKeys {
    read = Set.copyOf(read);
    unsupported = Map.copyOf(unsupported);
    ignored = Map.copyOf(ignored);
  }

  /** Notes a problem for each unsupported key that is set. */
  public void refuseUnsupported(JsonFields fields) {
    new TreeMap<>(unsupported)
        .forEach(
            (key, reason) ->
                fields
                    .node(key)
                    .filter(KnownKeys::isSet)
                    .ifPresent(
                        value ->
                            fields.problem("%s is %s: %s", key, Json.describe(value), reason)));
  }

  /** Whether a value is neither false nor empty. */
  public static boolean isSet(JsonNode value) {
    return value.isContainerNode() ? !value.isEmpty() : !value.isBoolean() || value.booleanValue();
  }

  /** The keys of {@code fields} that are not known, sorted. */
  public List<String> unknown(JsonFields fields) {
    Set<String> known = new HashSet<>(read);
    known.addAll(unsupported.keySet());
    known.addAll(ignored.keySet());
    return fields.unknown(known);
  }

  /** Warns about {@code unknown} in one line; the keys that are ignored on purpose, at DEBUG. */
  public void log(Path file, JsonFields fields, List<String> unknown) {
    if (!unknown.isEmpty()) {
      LOG.warn("{}: keys that are not known have no effect: {}", file, unknown);
    }
    ignored.forEach(
        (key, reason) -> {
          if (fields.has(key)) {
            LOG.debug("{}: {} has no effect: {}", file, key, reason);
          }
        });
  }
}
