package org.llmadapters.conversion.tensors;

/**
 * Conversions between the binary floating-point formats of weights: IEEE 754 binary64, binary32
 * (F32) and binary16 (F16: 1 sign, 5 exponent, 10 fraction bits), and bfloat16 (BF16: the upper
 * half of F32, 1 sign, 8 exponent, 7 fraction bits). All round to nearest, ties to even; overflow
 * gives infinity; a NaN stays a NaN of the same sign, quiet.
 */
public final class FloatFormats {
  private static final int F32_INFINITY = 0x7f80_0000;

  private FloatFormats() {}

  /** The value of a BF16 pattern; exact. */
  public static float bf16ToFloat(short pattern) {
    return Float.intBitsToFloat(pattern << 16);
  }

  /** The BF16 pattern nearest to {@code value}. */
  public static short floatToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fff_ffff) > F32_INFINITY) {
      return (short) ((bits >>> 16) | 0x40); // NaN: keep the sign and what fits, set the quiet bit
    }
    // Half a unit in the last place, less one if the last place is even: a tie carries only to even
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The value of an F16 pattern; exact. */
  public static float f16ToFloat(short pattern) {
    int sign = (pattern & 0x8000) << 16;
    int magnitude = pattern & 0x7fff;
    int bits;
    if (magnitude >= 0x7c00) {
      bits = F32_INFINITY | (magnitude & 0x3ff) << 13;
    } else if (magnitude >= 0x0400) {
      bits = (magnitude << 13) + ((127 - 15) << 23);
    } else {
      bits = Float.floatToRawIntBits(magnitude * 0x1p-24f); // subnormal: a multiple of 2^-24
    }
    return Float.intBitsToFloat(sign | bits);
  }

  /** The F16 pattern nearest to {@code value}. */
  public static short floatToF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fff_ffff;
    if (magnitude > F32_INFINITY) {
      return (short) (sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff));
    }
    if (magnitude >= (127 + 16) << 23) {
      return (short) (sign | 0x7c00); // at least 2^16
    }
    if (magnitude >= (127 - 14) << 23) {
      int rebased = magnitude - ((127 - 15) << 23);
      return (short) (sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13));
    }
    // Below 2^-14 the result is a multiple of 2^-24. Adding 0.5 makes the floating-point unit round
    // to exactly that: the unit in the last place of [0.5, 1) is 2^-24.
    float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
    return (short) (sign | (Float.floatToRawIntBits(shifted) - (126 << 23)));
  }

  /**
   * {@code value} as a float that narrows further without rounding twice: rounded to odd, that is,
   * towards zero with the last bit set if anything was lost.
   */
  static float doubleToOddFloat(double value) {
    float nearest = (float) value;
    if (nearest == value || Double.isNaN(value)) {
      return nearest;
    }
    int bits = Float.floatToRawIntBits(nearest);
    if (Math.abs((double) nearest) > Math.abs(value)) {
      bits--;
    }
    return Float.intBitsToFloat(bits | 1);
  }
}
