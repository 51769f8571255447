package org.llmadapters.conversion.tokenizer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Refuses regular expressions that can take long: the native library ends the whole program when a
 * match takes ten million steps back, or when parentheses are nested too deep for its stack.
 *
 * <p>What is let through has few ways to match: in each alternative at most {@value #MAX_OPEN}
 * repetitions without end and {@value #MAX_BITS} bits of other choices, and no repeated group that
 * has a choice inside. The patterns of GPT-2, LLaMA 3, Qwen, BLOOM and GPT-4o are such.
 */
final class RegexCheck {
  private static final int MAX_LENGTH = 4096;
  private static final int MAX_DEPTH = 16;
  static final int MAX_OPEN = 2;
  static final int MAX_BITS = 8;

  /** More repetitions than this count as without end. */
  private static final int MAX_COUNTED = 16;

  private static final int MAX_REPEAT = 1000;

  /** What may stand behind an opening parenthesis. */
  private static final Pattern GROUP =
      Pattern.compile("\\?(?:[im]*(?:-[im]*)?[:)]|<?[=!]|>|<[A-Za-z_]\\w*>)");

  private static final Pattern COUNT = Pattern.compile("\\{(\\d{0,9})(,?)(\\d{0,9})\\}");

  /** How many ways there are to match: the worst of the alternatives before, and this one. */
  private static final class Choices {
    private int alternatives = 1;
    private int worstOpen;
    private int worstBits;
    private int open;
    private int bits;
    private boolean repeats;

    void nextAlternative() {
      worstOpen = Math.max(worstOpen, open);
      worstBits = Math.max(worstBits, bits);
      alternatives++;
      open = 0;
      bits = 0;
    }

    /** Adds a group that has ended. */
    void add(Choices group) {
      open += Math.max(group.worstOpen, group.open);
      bits += Math.max(group.worstBits, group.bits) + bits(group.alternatives);
      repeats |= group.repeats || group.alternatives > 1;
      check();
    }

    void check() {
      if (open > MAX_OPEN || bits > MAX_BITS) {
        throw bad("it can match in too many ways");
      }
    }
  }

  private final String regex;
  private final Deque<Choices> groups = new ArrayDeque<>();
  private int at;

  /** Of what stands just before {@link #at}: a group with choices inside, a quantifier. */
  private boolean afterChoices;

  private boolean afterQuantifier;

  private RegexCheck(String regex) {
    this.regex = regex;
    groups.push(new Choices());
  }

  /**
   * Does nothing if {@code regex} takes bounded time, or is one that the library refuses itself.
   *
   * @throws IllegalArgumentException if it may not
   */
  static void check(String regex) {
    if (regex.length() > MAX_LENGTH) {
      throw bad("it has " + regex.length() + " characters, expected at most " + MAX_LENGTH);
    }
    new RegexCheck(regex).run();
  }

  private void run() {
    while (at < regex.length()) {
      char c = regex.charAt(at);
      if (c == '*' || c == '+' || c == '?') {
        at++;
        quantifier(c == '?' ? 1 : Integer.MAX_VALUE, true, c == '?');
        continue;
      }
      Matcher count = COUNT.matcher(regex).region(at, regex.length());
      if (c == '{' && count.lookingAt()) {
        at = count.end();
        counted(count);
        continue;
      }
      afterChoices = false;
      afterQuantifier = false;
      switch (c) {
        case '\\' -> escape();
        case '[' -> characterClass();
        case '(' -> open();
        case ')' -> close();
        case '|' -> {
          groups.element().nextAlternative();
          at++;
        }
        default -> at++;
      }
    }
  }

  private void counted(Matcher count) {
    int from = count.group(1).isEmpty() ? 0 : Integer.parseInt(count.group(1));
    boolean exact = count.group(2).isEmpty();
    int to = count.group(3).isEmpty() ? Integer.MAX_VALUE : Integer.parseInt(count.group(3));
    if (from > MAX_REPEAT || (to > MAX_REPEAT && to < Integer.MAX_VALUE)) {
      throw bad("it repeats more than " + MAX_REPEAT + " times");
    }
    quantifier(exact ? 0 : Math.abs(to - from), false, false);
  }

  /**
   * @param choices how many more times than the least
   * @param possessive a plus behind it is no quantifier of its own
   */
  private void quantifier(int choices, boolean possessive, boolean optional) {
    if (afterQuantifier) {
      throw bad("a repetition is repeated");
    }
    if (afterChoices && !optional) {
      throw bad("a group with a choice inside is repeated");
    }
    boolean suffixed =
        at < regex.length() && (regex.charAt(at) == '?' || (possessive && regex.charAt(at) == '+'));
    at += suffixed ? 1 : 0;
    Choices current = groups.element();
    current.open += choices > MAX_COUNTED ? 1 : 0;
    // Behind a count, a question mark can make it optional.
    current.bits +=
        choices > MAX_COUNTED ? 0 : bits(choices + 1) + (suffixed && !possessive ? 1 : 0);
    current.repeats = true;
    current.check();
    afterQuantifier = true;
    afterChoices = false;
  }

  private void escape() {
    char c = at + 1 < regex.length() ? regex.charAt(at + 1) : ' ';
    if ((c >= '1' && c <= '9') || "kgXRKO".indexOf(c) >= 0) {
      throw bad("\\" + c + " is not supported");
    }
    at += 2;
    // \p{L}, \x{41}: not a repetition.
    if ((c == 'p' || c == 'P' || c == 'x') && at < regex.length() && regex.charAt(at) == '{') {
      int end = regex.indexOf('}', at);
      at = end < 0 ? regex.length() : end + 1;
    }
  }

  /** Classes can lie in each other. */
  private void characterClass() {
    int depth = 0;
    do {
      char c = regex.charAt(at);
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      at += c == '\\' ? 2 : 1;
      if (depth > MAX_DEPTH) {
        throw bad("its brackets are nested deeper than " + MAX_DEPTH);
      }
    } while (depth > 0 && at < regex.length());
  }

  private void open() {
    at++;
    if (at < regex.length() && (regex.charAt(at) == '?' || regex.charAt(at) == '*')) {
      Matcher group = GROUP.matcher(regex).region(at, regex.length());
      if (!group.lookingAt()) {
        String start = regex.substring(at, Math.min(at + 2, regex.length()));
        throw bad("(" + start + " is not supported");
      }
      at = group.end();
      if (regex.charAt(at - 1) == ')') { // (?i) holds until the end of the group that it is in
        return;
      }
    }
    groups.push(new Choices());
    if (groups.size() > MAX_DEPTH) {
      throw bad("its parentheses are nested deeper than " + MAX_DEPTH);
    }
  }

  private void close() {
    at++;
    if (groups.size() > 1) {
      Choices group = groups.pop();
      groups.element().add(group);
      afterChoices = group.repeats || group.alternatives > 1;
    }
  }

  /** How many bits tell {@code ways} apart. */
  private static int bits(int ways) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(1, ways) - 1);
  }

  private static IllegalArgumentException bad(String what) {
    return new IllegalArgumentException(what);
  }
}
