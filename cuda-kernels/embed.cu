// out[i][0..k) = row tokens[i] of the packed weight [n][k] (weight_layout.cuh) as f32. A block
// takes one row and chunks of 256 inputs, one thread per input.
#include "check.h"
#include "context.h"
#include "launch.cuh"
#include "ptx/convert.cuh"
#include "run.h"
#include "weight_layout.cuh"

namespace jangle {
namespace {

constexpr int kThreads = 256;

template <typename T>
__device__ __forceinline__ T Load(const uint8_t* from) {
  return *reinterpret_cast<const T*>(from);
}

__device__ float WeightAt(const WeightLayout& layout, const uint8_t* packed, int64_t n, int64_t k) {
  const int32_t dtype = layout.dtype;
  const int in_step = static_cast<int>(k % StepK(dtype));
  const WeightRow row = WeightRowOf(layout, n, static_cast<int>(k / StepK(dtype)));
  const uint8_t* word = packed + row.Word(in_step);
  if (dtype == JG_F32) return Load<float>(word);
  if (dtype == JG_F16) return HalfToFloat(Load<uint16_t>(word + in_step % 2 * 2));
  if (dtype == JG_BF16) return Bf16ToFloat(Load<uint16_t>(word + in_step % 2 * 2));
  const int block = in_step / kQuantBlock;
  const float d = HalfToFloat(Load<uint16_t>(packed + row.Scale(block)));
  if (dtype == JG_Q8_0) return d * static_cast<float>(Load<int8_t>(word + in_step % 4));
  const int nibble = Load<uint8_t>(word + in_step % 4) >> (4 * block) & 15;
  if (dtype == JG_Q4_0) return d * static_cast<float>((nibble ^ 8) - 8);
  return d * static_cast<float>(nibble) + HalfToFloat(Load<uint16_t>(packed + row.Minimum(block)));
}

__global__ void __launch_bounds__(kThreads)
    EmbedKernel(BatchView batch, WeightLayout layout, int64_t inputs, const uint8_t* packed,
                float* out, int64_t ldout) {
  const int64_t row = blockIdx.x;
  const int64_t stride = static_cast<int64_t>(gridDim.y) * kThreads;
  for (int64_t k = blockIdx.y * kThreads + threadIdx.x; k < inputs; k += stride) {
    out[row * ldout + k] = WeightAt(layout, packed, batch.token[row], k);
  }
}

}  // namespace

int32_t RunEmbed(jg_stream* stream, const EmbedArgs& args) {
  const int64_t chunks = (args.k + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<uint32_t>(args.batch->rows),
                  static_cast<uint32_t>(chunks < 64 ? chunks : 64));
  JG_CUDA(Launch(EmbedKernel, grid, dim3(kThreads), 0, stream->stream, *args.batch,
                 WeightLayoutOf(args.dtype, args.n, args.k), args.k,
                 static_cast<const uint8_t*>(args.packed), args.out, args.ldout));
  return JG_OK;
}

}  // namespace jangle
