// Pack and Embed for the layout of panels.h. Included once by each tier that uses it.
#pragma once

#include "panels.h"

namespace jangle::JG_TIER_NS {
namespace {

// Elements of one block of a file's row as 32 numbers before scaling.
void BlockQuants(int32_t dtype, const uint8_t* block, uint8_t* quants) {
  if (dtype == JG_Q8_0) {
    memcpy(quants, block + 2, kBlock);
    return;
  }
  const uint8_t* bytes = block + (dtype == JG_Q4_0 ? 2 : 4);
  for (int i = 0; i < 16; i++) {
    quants[i] = bytes[i] & 15;
    quants[i + 16] = bytes[i] >> 4;
  }
}

void PackIntRow(int32_t dtype, int64_t k, const uint8_t* row, uint8_t* panel, int64_t column) {
  uint8_t quants[kBlock];
  for (int64_t b = 0; b < k / kBlock; b++) {
    const uint8_t* block = row + b * FileBlockBytes(dtype);
    uint8_t* out = panel + b * PanelBlockBytes(dtype);
    BlockQuants(dtype, block, quants);
    memcpy(out + 2 * column, block, 2);
    if (dtype == JG_Q8_0) {
      for (int64_t i = 0; i < kBlock; i++) {
        out[Q8At(i, column)] = quants[i];
      }
      continue;
    }
    if (dtype == JG_Q4_1) memcpy(out + kScaleBytes + 2 * column, block + 2, 2);
    uint8_t* bytes = out + (dtype == JG_Q4_0 ? 1 : 2) * kScaleBytes;
    for (int64_t group = 0; group < 4; group++) {
      for (int64_t j = 0; j < 4; j++) {
        bytes[group * kGroupBytes + column * 4 + j] =
            static_cast<uint8_t>(quants[8 * group + j] | quants[8 * group + 4 + j] << 4);
      }
    }
  }
}

void UnpackIntRow(int32_t dtype, int64_t k, const uint8_t* panel, int64_t column, float* out) {
  for (int64_t b = 0; b < k / kBlock; b++) {
    const uint8_t* block = panel + b * PanelBlockBytes(dtype);
    uint16_t half;
    memcpy(&half, block + 2 * column, 2);
    const float d = HalfToFloat(half);
    float* y = out + b * kBlock;
    if (dtype == JG_Q8_0) {
      for (int64_t i = 0; i < kBlock; i++) {
        y[i] = d * static_cast<float>(static_cast<int8_t>(block[Q8At(i, column)]));
      }
      continue;
    }
    float m = 0;
    if (dtype == JG_Q4_1) {
      memcpy(&half, block + kScaleBytes + 2 * column, 2);
      m = HalfToFloat(half);
    }
    const uint8_t* bytes = block + (dtype == JG_Q4_0 ? 1 : 2) * kScaleBytes;
    for (int64_t i = 0; i < kBlock; i++) {
      const uint8_t byte = bytes[i / 8 * kGroupBytes + column * 4 + i % 4];
      const int q = i % 8 < 4 ? byte & 15 : byte >> 4;
      y[i] = dtype == JG_Q4_0 ? d * static_cast<float>(q - 8) : d * static_cast<float>(q) + m;
    }
  }
}

}  // namespace

int64_t PackBytes(int32_t dtype, int64_t n, int64_t k) {
  const int64_t columns = Columns(dtype);
  return (n + columns - 1) / columns * PanelBytes(dtype, k);
}

void Pack(const PackArgs& args, int64_t begin, int64_t end) {
  const int64_t columns = Columns(args.dtype);
  const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
  const int64_t row_bytes = FileRowBytes(args.dtype, args.k);
  for (int64_t i = begin; i < end; i++) {
    const auto* row = static_cast<const uint8_t*>(args.source) + i * row_bytes;
    const int64_t n = args.n_offset + i;
    auto* panel = static_cast<uint8_t*>(args.packed) + n / columns * panel_bytes;
    const int64_t column = n % columns;
    if (IsInt(args.dtype)) {
      PackIntRow(args.dtype, args.k, row, panel, column);
    } else if (args.dtype == JG_F32) {
      for (int64_t k = 0; k < args.k; k++) memcpy(panel + (k * 16 + column) * 4, row + 4 * k, 4);
    } else if (args.dtype == JG_F16) {
      for (int64_t k = 0; k < args.k; k++) memcpy(panel + (k * 16 + column) * 2, row + 2 * k, 2);
    } else {
      for (int64_t k = 0; k < args.k; k++) {
        memcpy(panel + (k / 2 * 32 + column * 2 + k % 2) * 2, row + 2 * k, 2);
      }
    }
  }
}

void Embed(const EmbedArgs& args, int64_t begin, int64_t end) {
  const int64_t columns = Columns(args.dtype);
  const int64_t panel_bytes = PanelBytes(args.dtype, args.k);
  for (int64_t i = begin; i < end; i++) {
    const int64_t n = args.batch->token[i];
    const auto* panel = static_cast<const uint8_t*>(args.packed) + n / columns * panel_bytes;
    const int64_t column = n % columns;
    float* out = args.out + i * args.ldout;
    if (IsInt(args.dtype)) {
      UnpackIntRow(args.dtype, args.k, panel, column, out);
    } else if (args.dtype == JG_F32) {
      for (int64_t k = 0; k < args.k; k++) memcpy(out + k, panel + (k * 16 + column) * 4, 4);
    } else {
      for (int64_t k = 0; k < args.k; k++) {
        uint16_t bits;
        const int64_t at = args.dtype == JG_F16 ? k * 16 + column : k / 2 * 32 + column * 2 + k % 2;
        memcpy(&bits, panel + at * 2, 2);
        out[k] = args.dtype == JG_F16 ? HalfToFloat(bits) : BfloatToFloat(bits);
      }
    }
  }
}

}  // namespace jangle::JG_TIER_NS
