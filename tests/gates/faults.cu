// Kernels that the static gates must refuse, each for one fault, and one that they must pass. They
// are compiled to machine code and never run. tests/gates/gates_test.py says what is to be found in
// each.
#include <cuda_runtime.h>

__global__ void __launch_bounds__(128) SoundKernel(int n, const float* x, float* y) {
  __shared__ float tile[32 * 33];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int row = warp; row < 32; row += 4) tile[row * 33 + lane] = x[row * 32 + lane];
  __syncthreads();
  for (int row = warp; row < 32; row += 4) y[row * 32 + lane] = tile[lane * 33 + row];
}

// 32 registers for 96 values that all live at once.
__global__ void __launch_bounds__(1024, 2) SpillKernel(int n, const float* x, float* y) {
  float v[96];
#pragma unroll
  for (int i = 0; i < 96; i++) v[i] = x[i * 1024 + threadIdx.x];
  for (int round = 0; round < n; round++) {
#pragma unroll
    for (int i = 0; i < 96; i++) v[i] = v[i] * v[(i + 1) % 96] + v[(i + 41) % 96];
  }
#pragma unroll
  for (int i = 0; i < 96; i++) y[i * 1024 + threadIdx.x] = v[i];
}

// The order of arrival decides how the sum is rounded.
__global__ void __launch_bounds__(128) FloatAtomicKernel(const float* x, float* sum) {
  atomicAdd(sum, x[threadIdx.x]);
}

// In shared memory the same is a loop around a compare-and-swap.
__global__ void __launch_bounds__(128) SharedFloatAtomicKernel(const float* x, float* sum) {
  __shared__ float total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  atomicAdd(&total, x[threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) *sum = total;
}

// A transposition without the padding of SoundKernel: 32 lanes of one bank.
__global__ void __launch_bounds__(128) ConflictKernel(const float* x, float* y) {
  __shared__ float tile[32 * 32];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int row = warp; row < 32; row += 4) tile[row * 32 + lane] = x[row * 32 + lane];
  __syncthreads();
  for (int row = warp; row < 32; row += 4) y[row * 32 + lane] = tile[lane * 32 + row];
}

// Counts of all lanes in one bank.
__global__ void __launch_bounds__(128) SharedAtomicKernel(int* y) {
  __shared__ int counts[32 * 32];
  for (int i = static_cast<int>(threadIdx.x); i < 32 * 32; i += 128) counts[i] = 0;
  __syncthreads();
  atomicAdd(&counts[threadIdx.x % 32 * 32], static_cast<int>(threadIdx.x));
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 32 * 32; i += 128) y[i] = counts[i];
}

// Whether it reads shared memory, only the hardware sees.
__global__ void __launch_bounds__(128) GenericKernel(bool shared, const float* x, float* y) {
  __shared__ float tile[128];
  tile[127 - threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  const float* from = shared ? tile : x;
  y[threadIdx.x] = from[threadIdx.x];
}

// A sector of 32 bytes for every 4.
__global__ void __launch_bounds__(128) ScatterKernel(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x * 8];
}

__global__ void __launch_bounds__(128) GatherKernel(const int* index, const float* x, float* y) {
  y[threadIdx.x] = x[index[threadIdx.x]];
}

// 40 KiB leave room for 5 blocks with 228 KiB.
__global__ void __launch_bounds__(128) CrowdedKernel(const float* x, float* y) {
  __shared__ float tile[10240];
  for (int i = static_cast<int>(threadIdx.x); i < 10240; i += 128) tile[i] = x[i];
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x] + tile[10239 - threadIdx.x];
}
