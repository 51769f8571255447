package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.graph.arch.Architecture;

final class ReadmeTest {
  private static final Pattern ROW = Pattern.compile("(?m)^\\| `([a-z0-9_]+)` \\| .* \\| .* \\|$");

  private static String section(String title) throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    String start = "### " + title + "\n";
    assertThat(readme).containsOnlyOnce(start);
    String rest = readme.substring(readme.indexOf(start) + start.length());
    return rest.substring(0, rest.indexOf("\n### "));
  }

  @Test
  void theTableOfFamiliesHasAllOfThem() throws IOException {
    List<String> rows =
        ROW.matcher(section("Model families"))
            .results()
            .map((MatchResult row) -> row.group(1))
            .toList();
    assertThat(rows).containsExactlyElementsOf(Architecture.modelTypes());
  }

  /** What the README names as proof must be there. */
  @Test
  void theTestsOfTheFamiliesExist() throws IOException {
    String families = section("Model families");
    for (String test :
        List.of(
            "HfParityTest",
            "HfAdapterParityTest",
            "AdapterContractTest",
            "GenerationParityTest",
            "ExportParityTest")) {
      assertThat(families).contains("`" + test + "`");
      assertThat(Path.of("src/test/java/org/llmadapters/tests", test + ".java")).exists();
    }
  }

  /** A row of the table of adapters: kind and options, trained values, whether it merges. */
  private static final Pattern ADAPTER =
      Pattern.compile(
          "(?m)^\\| `([a-z0-9-]+)( [^`]*)?`[^|]*\\|[^|]*\\|[^|]*\\| ([^|]*) \\| (yes|no) \\|$");

  @Test
  void theTableOfAdaptersHasAllKindsWithTheirCountsAndWhetherTheyMerge() throws IOException {
    List<String> kinds = new ArrayList<>();
    for (MatchResult row : ADAPTER.matcher(section("Adapters")).results().toList()) {
      AdapterKind kind = AdapterKind.ofCliName(row.group(1));
      kinds.add(kind.cliName());
      assertThat(row.group(4)).as(row.group()).isEqualTo(kind.merges() ? "yes" : "no");
      String name = row.group(2) == null ? row.group(1) : row.group(1) + row.group(2);
      AdapterConfig config = Objects.requireNonNull(PublishedCountsTest.ROWS.get(name), name);
      double millions = PublishedCountsTest.trainable(config) / 1e6;
      assertThat(row.group(3))
          .as(row.group())
          .endsWith(
              String.format(
                  Locale.ROOT,
                  millions < 0.1 ? "%.2f M, %.2f %%" : "%.1f M, %.2f %%",
                  millions,
                  100 * PublishedCountsTest.share(config)));
    }
    assertThat(kinds.stream().distinct())
        .containsExactlyElementsOf(
            Arrays.stream(AdapterKind.values()).map(AdapterKind::cliName).toList());
    assertThat(kinds).hasSameSizeAs(PublishedCountsTest.ROWS.entrySet());
  }
}
