package dev.jangle.cli.kernels;

import dev.jangle.format.DType;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** An operation of {@code jangle.h} that runs in a forward pass or after it. */
public enum Operation {
  EMBED,
  RMSNORM,
  MATMUL,
  ROPE,
  KV_APPEND,
  ATTENTION,
  SWIGLU,
  RESIDUAL,
  ARGMAX,
  TOPK,
  SAMPLE,
  KV_GATHER;

  /** Formats of its weight or its cache; F32 where it has neither. */
  public Set<DType> formats() {
    return switch (this) {
      case EMBED, MATMUL -> EnumSet.allOf(DType.class);
      case KV_APPEND, ATTENTION, KV_GATHER -> EnumSet.of(DType.F32, DType.F16);
      case RMSNORM, ROPE, SWIGLU, RESIDUAL, ARGMAX, TOPK, SAMPLE -> EnumSet.of(DType.F32);
    };
  }

  /** The name in the header. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
