package org.llmadapters.graph.device;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Completes {@code XLA_FLAGS} and {@code TF_XLA_FLAGS}, the environment variables that XLA reads
 * when it compiles for the first time in a process. What the user set there stays, flag by flag.
 *
 * <p>An unknown flag in {@code XLA_FLAGS} ends the process: only flags of TensorFlow 2.18 may be
 * set here, which its libraries for CPUs and those for GPUs have both.
 */
public final class XlaFlags {
  private static final Logger log = LoggerFactory.getLogger(XlaFlags.class);

  private static final String XLA = "XLA_FLAGS";
  private static final String TENSORFLOW = "TF_XLA_FLAGS";

  /** TensorFlow's own flags begin so, XLA's with {@code --xla_}. */
  private static final String TENSORFLOW_PREFIX = "--tf_";

  private XlaFlags() {}

  /**
   * Has XLA use its classic CPU runtime, which hands matrix products to oneDNN; its default one
   * does not and is several times as slow.
   */
  public static void setForCpu() {
    set("--xla_cpu_use_thunk_runtime=false");
  }

  /**
   * Sets a flag for this process, unless the user or an earlier call did. Without effect when XLA
   * has compiled already.
   *
   * @param flag such as {@code --xla_dump_to=/tmp/hlo} or {@code --xla_dump_to="/my hlo"}
   */
  public static synchronized void set(String flag) {
    if (!flag.matches("--(tf_)?xla_[a-z0-9_]+=([^\\s'\"]*|\"[^\"]*\")")) {
      throw new IllegalArgumentException(
          "an XLA flag has the form --xla_name=value or --xla_name=\"value\", got " + flag);
    }
    String variable = flag.startsWith(TENSORFLOW_PREFIX) ? TENSORFLOW : XLA;
    String before = environment(variable);
    String after = merged(before, flag);
    if (!after.equals(before)) {
      log.debug("{}={}", variable, after);
      setEnvironment(variable, after);
    }
  }

  /** The flag called {@code name} with the name of a file or folder. */
  static String of(String name, Path file) {
    String value = file.toAbsolutePath().toString();
    return name + "=" + (value.matches("\\S*") ? value : "\"" + value + "\"");
  }

  /** XLA's own flags in this process. */
  static synchronized String all() {
    return Objects.requireNonNullElse(environment(XLA), "");
  }

  /** Whether {@code flag}, such as {@code --xla_dump_to}, has a value in this process. */
  public static synchronized boolean isSet(String flag) {
    String value = environment(flag.startsWith(TENSORFLOW_PREFIX) ? TENSORFLOW : XLA);
    return value != null && names(value).contains(flag);
  }

  /**
   * The value of an environment variable with {@code flag} added to it, if it lacks it. A value
   * that does not begin with a dash is the name of a file with flags and stays as it is.
   */
  static String merged(@Nullable String value, String flag) {
    if (value == null || value.isBlank()) {
      return flag;
    }
    boolean isFile = !value.strip().startsWith("-");
    return isFile || names(value).contains(name(flag)) ? value : value.stripTrailing() + " " + flag;
  }

  private static Set<String> names(String value) {
    List<String> flags = Arrays.asList(value.strip().split("\\s+"));
    return flags.stream().map(XlaFlags::name).collect(Collectors.toUnmodifiableSet());
  }

  private static String name(String flag) {
    int equals = flag.indexOf('=');
    return equals < 0 ? flag : flag.substring(0, equals);
  }

  /** What native code sees; Java's {@code System.getenv} is a copy made when the process began. */
  private static @Nullable String environment(String variable) {
    Pointer value = libc("getenv").invokePointer(new Object[] {variable});
    return value == null ? null : value.getString(0);
  }

  private static void setEnvironment(String variable, String value) {
    int error = libc("setenv").invokeInt(new Object[] {variable, value, 1});
    if (error != 0) {
      throw new IllegalStateException(
          "the environment variable " + variable + " cannot be set; export it before: " + value);
    }
  }

  private static Function libc(String name) {
    return NativeLibrary.getInstance("c").getFunction(name);
  }
}
