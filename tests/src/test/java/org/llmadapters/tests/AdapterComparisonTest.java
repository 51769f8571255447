package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.eval.Compile;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.quickstart.AdapterComparison;
import org.llmadapters.training.quickstart.AdapterComparison.Candidate;

/** {@code quickstart --compare}, with two candidates, two steps and four questions. */
final class AdapterComparisonTest {
  @TempDir Path directory;

  private static String adapter(Candidate candidate) {
    return candidate.options().get(candidate.options().indexOf("--adapter") + 1);
  }

  @Test
  void comparesEveryKind() {
    Set<String> kinds =
        Arrays.stream(AdapterKind.values())
            .map(AdapterKind::cliName)
            .collect(Collectors.toCollection(TreeSet::new));
    kinds.addAll(List.of("dora", "full"));
    assertThat(AdapterComparison.ALL)
        .extracting(AdapterComparisonTest::adapter)
        .containsOnlyOnceElementsOf(kinds.stream().filter(kind -> !kind.equals("series")).toList())
        .contains("series");
  }

  @Test
  void trainsInProcessesOfTheirOwnAndPrintsARowForEach() throws IOException {
    List<Candidate> two =
        AdapterComparison.ALL.stream()
            .filter(candidate -> Set.of("ia3", "full").contains(candidate.name()))
            .toList();
    String table =
        new AdapterComparison(
                Path.of("../samples"), directory, 2, Compile.OFF, SessionOptions.forThisMachine())
            .run(two, 4, false);
    List<String> lines = table.lines().toList();
    assertThat(lines).hasSize(5);
    assertThat(lines.get(2)).matches("\\| base \\| - \\| - \\| [0-9.]+ % \\(.*\\) \\| - \\| - \\|");
    assertThat(lines.get(3))
        .matches("\\| ia3 \\| \\d+ \\| 0\\.\\d+ % \\| .* \\| \\d+ \\| \\d+ MiB \\|");
    assertThat(lines.get(4))
        .matches("\\| full \\| 869504 \\| 100\\.00 % \\| .* \\| \\d+ \\| \\d+ MiB \\|");
    assertThat(directory.resolve("compare/ia3/summary.json")).exists();
  }
}
