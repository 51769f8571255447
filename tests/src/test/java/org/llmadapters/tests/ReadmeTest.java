package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
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
}
