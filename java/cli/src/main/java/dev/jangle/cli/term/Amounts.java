package dev.jangle.cli.term;

import java.util.Locale;

/** Numbers as people read them, the same in every locale. */
public final class Amounts {
  private Amounts() {}

  /** Bytes with a decimal unit: 98.4 MB. */
  public static String bytes(long bytes) {
    if (bytes < 1000) {
      return bytes + " bytes";
    }
    double value = bytes;
    int unit = -1;
    while (value >= 999.95 && unit < 3) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %sB", value, "kMGT".charAt(unit));
  }

  /** A count with thousands marked: 49,152. */
  public static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }

  /** With {@code decimals} digits after the point; a dash where there is no number. */
  public static String decimal(double value, int decimals) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%." + decimals + "f", value) : "-";
  }

  /** A time: 45 s, 12:34 (minutes and seconds) or 3:12:34; a dash where there is none. */
  public static String duration(double seconds) {
    if (!Double.isFinite(seconds)) {
      return "-";
    }
    long s = Math.round(seconds);
    if (s < 60) {
      return s + " s";
    }
    return s < 3600
        ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }
}
