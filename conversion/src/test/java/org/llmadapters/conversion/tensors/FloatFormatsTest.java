package org.llmadapters.conversion.tensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/** Over all 65536 patterns, against the definitions of the formats. */
final class FloatFormatsTest {
  private static final int PATTERNS = 1 << 16;

  /** The value of a 16-bit pattern from the definition of IEEE 754's formats. */
  private static double defined(int pattern, int exponentBits, int fractionBits) {
    int sign = (pattern >>> 15) == 1 ? -1 : 1;
    int exponent = (pattern >>> fractionBits) & ((1 << exponentBits) - 1);
    int fraction = pattern & ((1 << fractionBits) - 1);
    int bias = (1 << (exponentBits - 1)) - 1;
    if (exponent == (1 << exponentBits) - 1) {
      return fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
    }
    return exponent == 0
        ? sign * Math.scalb((double) fraction, 1 - bias - fractionBits)
        : sign
            * Math.scalb((double) (fraction | (1 << fractionBits)), exponent - bias - fractionBits);
  }

  private static int f16(double value) {
    return FloatFormats.floatToF16((float) value) & 0xffff;
  }

  private static int bf16(double value) {
    return FloatFormats.floatToBf16((float) value) & 0xffff;
  }

  @Test
  void everyF16PatternHasItsValue() {
    everyPatternHasItsValue(5, 10, i -> FloatFormats.f16ToFloat((short) i));
  }

  @Test
  void everyBf16PatternHasItsValue() {
    everyPatternHasItsValue(8, 7, i -> FloatFormats.bf16ToFloat((short) i));
  }

  private static void everyPatternHasItsValue(
      int exponentBits, int fractionBits, IntFunction<Float> decode) {
    for (int i = 0; i < PATTERNS; i++) {
      assertThat(decode.apply(i).doubleValue())
          .as("pattern %04x", i)
          .isEqualTo(Double.valueOf(defined(i, exponentBits, fractionBits))); // NaN equals NaN
    }
  }

  @Test
  void everyF16PatternSurvivesTheRoundTrip() {
    everyPatternSurvives(
        i -> f16(FloatFormats.f16ToFloat((short) i)), i -> (i & 0x7fff) > 0x7c00 ? i | 0x200 : i);
  }

  @Test
  void everyBf16PatternSurvivesTheRoundTrip() {
    everyPatternSurvives(
        i -> bf16(FloatFormats.bf16ToFloat((short) i)), i -> (i & 0x7fff) > 0x7f80 ? i | 0x40 : i);
  }

  private static void everyPatternSurvives(IntUnaryOperator roundTrip, IntUnaryOperator expected) {
    for (int i = 0; i < PATTERNS; i++) {
      assertThat(roundTrip.applyAsInt(i)).as("pattern %04x", i).isEqualTo(expected.applyAsInt(i));
    }
  }

  @Test
  void f16RoundsToNearestAndTiesToEven() {
    // 0x7bff is the largest finite value; half a unit above it rounds to infinity, 0x7c00.
    for (int low = 0; low < 0x7c00; low++) {
      double value = defined(low, 5, 10);
      double next = low == 0x7bff ? 65536 : defined(low + 1, 5, 10);
      float middle = (float) ((value + next) / 2); // exact: 12 bits
      for (int sign = 0; sign <= 0x8000; sign += 0x8000) {
        float s = sign == 0 ? 1 : -1;
        assertThat(f16(s * Math.nextDown(middle))).as("%04x", low).isEqualTo(sign | low);
        assertThat(f16(s * middle)).as("%04x", low).isEqualTo(sign | (low + (low & 1)));
        assertThat(f16(s * Math.nextUp(middle))).as("%04x", low).isEqualTo(sign | (low + 1));
      }
    }
    assertThat(f16(1e30)).isEqualTo(0x7c00);
    assertThat(f16(Double.NEGATIVE_INFINITY)).isEqualTo(0xfc00);
    assertThat(f16(-0.0)).isEqualTo(0x8000);
    assertThat(f16(Float.MIN_VALUE)).isEqualTo(0);
  }

  @Test
  void bf16RoundsToNearestAndTiesToEven() {
    for (int low = 0; low < 0x7f80; low++) {
      float middle = Float.intBitsToFloat((low << 16) | 0x8000);
      for (int sign = 0; sign <= 0x8000; sign += 0x8000) {
        float s = sign == 0 ? 1 : -1;
        assertThat(bf16(s * Math.nextDown(middle))).as("%04x", low).isEqualTo(sign | low);
        assertThat(bf16(s * middle)).as("%04x", low).isEqualTo(sign | (low + (low & 1)));
        assertThat(bf16(s * Math.nextUp(middle))).as("%04x", low).isEqualTo(sign | (low + 1));
      }
    }
    assertThat(bf16(Float.MAX_VALUE)).isEqualTo(0x7f80);
  }

  @Test
  void narrowingADoubleRoundsOnlyOnce() {
    // Just above a tie: rounded to float first, it would be the tie, and go to even, down.
    double aboveTie = 1 + 0x1p-11 + 0x1p-40;
    assertThat(f16((float) aboveTie)).isEqualTo(0x3c00);
    assertThat(f16(FloatFormats.doubleToOddFloat(aboveTie))).isEqualTo(0x3c01);
    assertThat(f16(FloatFormats.doubleToOddFloat(-aboveTie))).isEqualTo(0xbc01);
    double belowTie = 1 + 3 * 0x1p-11 - 0x1p-40;
    assertThat(f16((float) belowTie)).isEqualTo(0x3c02);
    assertThat(f16(FloatFormats.doubleToOddFloat(belowTie))).isEqualTo(0x3c01);
    assertThat(bf16(FloatFormats.doubleToOddFloat(1 + 0x1p-8 + 0x1p-40))).isEqualTo(0x3f81);
    assertThat(bf16(FloatFormats.doubleToOddFloat(1e300))).isEqualTo(0x7f80);
    assertThat(bf16(FloatFormats.doubleToOddFloat(-1e-300))).isEqualTo(0x8000);
    assertThat(f16(FloatFormats.doubleToOddFloat(0.5))).isEqualTo(0x3800);
    assertThat(FloatFormats.doubleToOddFloat(Double.NaN)).isNaN();
  }
}
