package org.llmadapters.tests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.THROW_GENERIC_EXCEPTIONS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.ObjectInputStream;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.EagerSession;
import org.tensorflow.Graph;
import org.tensorflow.TensorFlow;

/** Who may use whom, and what nobody may use. */
final class ArchitectureTest {
  private static final String ROOT = "org.llmadapters";

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  /** A rule that sees nothing is kept by everybody. */
  @Test
  void scansAllModules() {
    assertThat(CLASSES.size()).isGreaterThan(200);
    Set<String> modules = new TreeSet<>();
    for (JavaClass scanned : CLASSES) {
      modules.add(scanned.getPackageName().substring(ROOT.length() + 1).split("\\.", 2)[0]);
    }
    assertThat(modules).containsExactly("adapters", "conversion", "eval", "graph", "training");
  }

  @Test
  void modulesUseOnlyThoseBeforeThem() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("graph")
        .definedBy(ROOT + ".graph..")
        .layer("adapters")
        .definedBy(ROOT + ".adapters..")
        .layer("conversion")
        .definedBy(ROOT + ".conversion..")
        .layer("eval")
        .definedBy(ROOT + ".eval..")
        .layer("training")
        .definedBy(ROOT + ".training..")
        .whereLayer("adapters")
        .mayOnlyBeAccessedByLayers("conversion", "eval", "training")
        .whereLayer("conversion")
        .mayOnlyBeAccessedByLayers("eval", "training")
        .whereLayer("eval")
        .mayOnlyBeAccessedByLayers("training")
        .whereLayer("training")
        .mayNotBeAccessedByAnyLayer()
        .check(CLASSES);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void blocksKnowNoFamily() {
    noClasses()
        .that()
        .resideInAPackage("..graph.block..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("..graph.arch..")
        .check(CLASSES);
  }

  @Test
  void adaptersOpenNoFiles() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + ".adapters..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.io..", "java.nio.file..", "java.nio.channels..")
        .check(CLASSES);
  }

  @Test
  void onlyTheCommandLineAndTheProgressBarTouchTheTerminal() {
    noClasses()
        .that()
        .resideOutsideOfPackage("..training.cli..")
        .and()
        .doNotBelongToAnyOf(Progress.class)
        .should(ACCESS_STANDARD_STREAMS)
        .check(CLASSES);
  }

  @Test
  void onlyTheCommandLineEndsTheProcess() {
    noClasses()
        .that()
        .resideOutsideOfPackage("..training.cli..")
        .should()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "halt", int.class)
        .check(CLASSES);
  }

  /** {@code Optimizer.minimize} trains every variable of a graph, the base's weights too. */
  @Test
  void nobodyUsesTheOptimizersOfTensorFlow() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.tensorflow.framework.optimizers..")
        .check(CLASSES);
  }

  /** CUDA's libraries must be loaded before TensorFlow's. */
  @Test
  void onlyTheRuntimeStartsTensorFlow() {
    noClasses()
        .that()
        .doNotBelongToAnyOf(TensorFlowRuntime.class)
        .should()
        .callConstructor(Graph.class)
        .orShould()
        .dependOnClassesThat()
        .belongToAnyOf(TensorFlow.class, EagerSession.class)
        .check(CLASSES);
  }

  @Test
  void everyPackageIsNullMarked() {
    classes().should(resideInANullMarkedPackage()).check(CLASSES);
  }

  private static ArchCondition<JavaClass> resideInANullMarkedPackage() {
    return new ArchCondition<>("reside in a package with @NullMarked in package-info.java") {
      @Override
      public void check(JavaClass checked, ConditionEvents events) {
        boolean marked = checked.getPackage().isAnnotatedWith(NullMarked.class);
        events.add(
            new SimpleConditionEvent(checked, marked, checked.getPackageName() + " is not marked"));
      }
    };
  }

  @Test
  void nobodyThrowsGenericExceptions() {
    noClasses().should(THROW_GENERIC_EXCEPTIONS).check(CLASSES);
  }

  /** What a file holds must never decide which code runs. */
  @Test
  void nobodyReadsJavaObjects() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .areAssignableTo(ObjectInputStream.class)
        .check(CLASSES);
  }
}
