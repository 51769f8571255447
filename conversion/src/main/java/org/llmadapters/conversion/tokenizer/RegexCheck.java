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

  private static final Pattern NAMED_CLASS = Pattern.compile("\\[:\\^?[a-z]{1,10}:\\]");

  /** How many ways there are to match: the worst of the alternatives before, and this one. */
  private static final class Choices {
    private int alternatives = 1;
    private int worstOpen;
    private int worstBits;
    private int open;
    private int bits;
    private boolean repeats;

    /** Whether this alternative, and each before it, takes at least one character. */
    private boolean consumes;

    private boolean allConsume = true;
    private boolean looksAround;

    void nextAlternative() {
      allConsume &= consumes;
      consumes = false;
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

  /** Whether it takes at least one character, unless a quantifier follows that lets it be none. */
  private boolean consuming;

  private RegexCheck(String regex) {
    this.regex = regex;
    groups.push(new Choices());
  }

  /**
   * Refuses what can take long; what is no regular expression is left to the library.
   *
   * @return whether each match has at least one character
   * @throws IllegalArgumentException if it may not
   */
  static boolean check(String regex) {
    if (regex.length() > MAX_LENGTH) {
      throw bad("it has " + regex.length() + " characters, expected at most " + MAX_LENGTH);
    }
    RegexCheck check = new RegexCheck(regex);
    check.run();
    check.take();
    Choices whole = check.groups.element();
    return check.groups.size() == 1 && whole.allConsume && whole.consumes;
  }

  /** Counts what stands before {@link #at} as taken. */
  private void take() {
    groups.element().consumes |= consuming;
    consuming = false;
  }

  private void run() {
    while (at < regex.length()) {
      char c = regex.charAt(at);
      if (c == '*' || c == '+' || c == '?') {
        at++;
        consuming &= c == '+';
        quantifier(c == '?' ? 1 : Integer.MAX_VALUE, true, c == '?');
        continue;
      }
      Matcher count = COUNT.matcher(regex).region(at, regex.length());
      if (c == '{' && count.lookingAt()) {
        at = count.end();
        counted(count);
        continue;
      }
      take();
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
        default -> {
          consuming = c != '^' && c != '$';
          at++;
        }
      }
    }
  }

  private void counted(Matcher count) {
    int from = count.group(1).isEmpty() ? 0 : Integer.parseInt(count.group(1));
    consuming &= from > 0;
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
    // Behind a count, a question mark can make it optional.
    consuming &= possessive || !suffixed;
    Choices current = groups.element();
    current.open += choices > MAX_COUNTED ? 1 : 0;
    current.bits +=
        choices > MAX_COUNTED ? 0 : bits(choices + 1) + (suffixed && !possessive ? 1 : 0);
    current.repeats = true;
    current.check();
    afterQuantifier = true;
    afterChoices = false;
  }

  private void escape() {
    char c = escaped();
    at += 2;
    consuming = "bBAzZ".indexOf(c) < 0;
    // \p{L}, \x{41}: not a repetition.
    if ((c == 'p' || c == 'P' || c == 'x') && at < regex.length() && regex.charAt(at) == '{') {
      int end = regex.indexOf('}', at);
      at = end < 0 ? regex.length() : end + 1;
    }
  }

  /** Others refer back, call, repeat, or take the next characters for their own. */
  private char escaped() {
    char c = at + 1 < regex.length() ? regex.charAt(at + 1) : ' ';
    boolean plain = !Character.isLetterOrDigit(c) || c == '0';
    if (!plain && "dDwWsShHpPbBAzZnrtfvaeux".indexOf(c) < 0) {
      throw bad("\\" + c + " is not supported");
    }
    return c;
  }

  /** Classes can lie in each other. */
  private void characterClass() {
    consuming = true;
    int depth = 0;
    do {
      char c = regex.charAt(at);
      if (c == '\\') {
        escaped();
      }
      if (regex.startsWith("[:", at)
          && !NAMED_CLASS.matcher(regex).region(at, regex.length()).lookingAt()) {
        throw bad("it has [: without the name of a class");
      }
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      at += c == '\\' ? 2 : 1;
      if (depth > MAX_DEPTH) {
        throw bad("its brackets are nested deeper than " + MAX_DEPTH);
      }
    } while (depth > 0 && at < regex.length());
  }

  private void open() {
    at++;
    boolean looksAround = false;
    if (at < regex.length() && (regex.charAt(at) == '?' || regex.charAt(at) == '*')) {
      Matcher group = GROUP.matcher(regex).region(at, regex.length());
      if (!group.lookingAt()) {
        String start = regex.substring(at, Math.min(at + 2, regex.length()));
        throw bad("(" + start + " is not supported");
      }
      at = group.end();
      looksAround = regex.charAt(at - 1) == '=' || regex.charAt(at - 1) == '!';
      if (regex.charAt(at - 1) == ')') {
        // Elsewhere, the alternatives that follow would belong to it.
        if (group.start() > 1) {
          throw bad("(?i) is supported at its start only");
        }
        return;
      }
    }
    Choices group = new Choices();
    group.looksAround = looksAround;
    groups.push(group);
    if (groups.size() > MAX_DEPTH) {
      throw bad("its parentheses are nested deeper than " + MAX_DEPTH);
    }
  }

  private void close() {
    at++;
    if (groups.size() > 1) {
      Choices group = groups.pop();
      groups.element().add(group);
      consuming = group.allConsume && group.consumes && !group.looksAround;
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
