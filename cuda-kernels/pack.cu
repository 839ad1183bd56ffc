// Packs rows of a weight from the file's layout into that of weight_layout.cuh. The source lies on
// the host; it goes to the device through a staging buffer, some rows at a time. This is no compute
// call: it allocates and synchronises.
//
// On file a row is k elements (F32, F16, BF16) or k / 32 blocks (GGUF): Q8_0 = f16 d, 32 x int8;
// Q4_0 = f16 d, 16 bytes; Q4_1 = f16 d, f16 m, 16 bytes. Low nibble of byte i is element i, the
// high one element i + 16.
#include <algorithm>

#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "run.h"
#include "weight_layout.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kStagingBytes = int64_t{16} << 20;

__host__ __device__ constexpr int FileBlockBytes(int32_t dtype) {
  return dtype == JG_Q8_0 ? 34 : dtype == JG_Q4_0 ? 18 : 20;
}

int64_t FileRowBytes(int32_t dtype, int64_t k) {
  if (dtype == JG_F32) return 4 * k;
  if (!IsBlocked(dtype)) return 2 * k;
  return k / kQuantBlock * FileBlockBytes(dtype);
}

struct PackRows {
  WeightLayout layout;
  int64_t k;
  const uint8_t* source;  // [rows], on the device
  int64_t row_bytes;
  int64_t first;  // row of the weight
  int64_t rows;   // of the source; rows beyond are zeros
  uint8_t* packed;
};

__device__ __forceinline__ uint32_t HalfWord(const uint8_t* at) {
  return *reinterpret_cast<const uint16_t*>(at);
}

// The word that holds inputs k .. of the row: 1 (F32), 2 (16 bits), 4 (Q8_0), or 4 and 4 more 32
// further on (Q4). Zero past the end of the row.
__device__ uint32_t FileWord(const PackRows& p, const uint8_t* row, int64_t k) {
  const int32_t dtype = p.layout.dtype;
  if (dtype == JG_F32) return k < p.k ? *reinterpret_cast<const uint32_t*>(row + 4 * k) : 0;
  if (!IsBlocked(dtype)) {
    const uint32_t low = k < p.k ? HalfWord(row + 2 * k) : 0;
    const uint32_t high = k + 1 < p.k ? HalfWord(row + 2 * k + 2) : 0;
    return low | high << 16;
  }
  uint32_t word = 0;
  for (int i = 0; i < 4; i++) {
    const int in_block = static_cast<int>(k % kQuantBlock) + i;
    if (dtype == JG_Q8_0) {
      if (k >= p.k) continue;
      const uint32_t quant = row[k / kQuantBlock * 34 + 2 + in_block];
      word |= quant << (8 * i);
      continue;
    }
    for (int half = 0; half < 2; half++) {
      if (k + half * kQuantBlock >= p.k) continue;
      const uint8_t* block = row + (k / kQuantBlock + half) * FileBlockBytes(dtype);
      const uint32_t byte = block[(dtype == JG_Q4_0 ? 2 : 4) + in_block % 16];
      const uint32_t nibble = (in_block < 16 ? byte : byte >> 4) & 15u;
      word |= (dtype == JG_Q4_0 ? nibble ^ 8u : nibble) << (8 * i + 4 * half);
    }
  }
  return word;
}

// Block x: a row of the weight; its threads share the row's words, then its scales.
__global__ void __launch_bounds__(kThreads) PackKernel(PackRows p) {
  const int32_t dtype = p.layout.dtype;
  const int64_t index = blockIdx.x;
  const uint8_t* row = index < p.rows ? p.source + index * p.row_bytes : nullptr;
  const int inputs = dtype == JG_F32 ? 1 : IsBlocked(dtype) ? 4 : 2;  // of a word
  const int words = 8 * Fragments(dtype);                             // of a row and step
  for (int64_t i = threadIdx.x; i < static_cast<int64_t>(p.layout.steps) * words; i += kThreads) {
    const int64_t step = i / words;
    const int in_step = static_cast<int>(i % words) * inputs;
    const WeightRow to = WeightRowOf(p.layout, p.first + index, static_cast<int>(step));
    *reinterpret_cast<uint32_t*>(p.packed + to.Word(in_step)) =
        row == nullptr ? 0 : FileWord(p, row, step * StepK(dtype) + in_step);
  }
  if (!IsBlocked(dtype)) return;
  for (int64_t i = threadIdx.x; i < static_cast<int64_t>(p.layout.steps) * 2; i += kThreads) {
    const WeightRow to = WeightRowOf(p.layout, p.first + index, static_cast<int>(i / 2));
    const bool inside = row != nullptr && i < p.k / kQuantBlock;
    const uint8_t* block = row + (inside ? i * FileBlockBytes(dtype) : 0);
    const int in_step = static_cast<int>(i % 2);
    *reinterpret_cast<uint16_t*>(p.packed + to.Scale(in_step)) =
        static_cast<uint16_t>(inside ? HalfWord(block) : 0);
    if (dtype == JG_Q4_1) {
      *reinterpret_cast<uint16_t*>(p.packed + to.Minimum(in_step)) =
          static_cast<uint16_t>(inside ? HalfWord(block + 2) : 0);
    }
  }
}

int32_t PackStaged(jg_stream* stream, const PackArgs& args, PackRows p, uint8_t* staging,
                   int64_t staged_rows) {
  const auto* source = static_cast<const uint8_t*>(args.source);
  p.source = staging;
  for (int64_t row = 0; row < args.n_rows; row += staged_rows) {
    p.rows = std::min(staged_rows, args.n_rows - row);
    p.first = args.n_offset + row;
    // Whoever packs the last row also clears those that pad its strip.
    const bool last = p.first + p.rows == args.n;
    const int64_t padded = p.layout.strips * p.layout.tiles * kTileOutputs;
    const int64_t blocks = last ? padded - p.first : p.rows;
    JG_CUDA(cudaMemcpyAsync(staging, source + row * p.row_bytes,
                            static_cast<size_t>(p.rows * p.row_bytes), cudaMemcpyHostToDevice,
                            stream->stream));
    JG_CUDA(Launch(PackKernel, dim3(static_cast<uint32_t>(blocks)), dim3(kThreads), 0,
                   stream->stream, p));
  }
  JG_CUDA(cudaStreamSynchronize(stream->stream));
  return JG_OK;
}

}  // namespace

int64_t PackBytes(jg_context*, int32_t dtype, int64_t n, int64_t k) {
  return WeightLayoutOf(dtype, n, k).Bytes();
}

int32_t RunPack(jg_stream* stream, const PackArgs& args) {
  PackRows p = {};
  p.layout = WeightLayoutOf(args.dtype, args.n, args.k);
  p.k = args.k;
  p.row_bytes = FileRowBytes(args.dtype, args.k);
  p.packed = static_cast<uint8_t*>(args.packed);
  const int64_t staged_rows = std::clamp<int64_t>(kStagingBytes / p.row_bytes, 1, args.n_rows);
  void* staging = nullptr;
  JG_CUDA(cudaMalloc(&staging, static_cast<size_t>(staged_rows * p.row_bytes)));
  const int32_t status = PackStaged(stream, args, p, static_cast<uint8_t*>(staging), staged_rows);
  JG_CUDA(cudaFree(staging));
  return status;
}

}  // namespace jangle
