// Meaning of barriers, cp.async, shared memory, atomics and the built-in variables.

#include <cuda_runtime.h>

#include "device_array.h"
#include "emulation/device.h"
#include "emulation/report.h"
#include "launch.cuh"
#include "native/check.h"
#include "ptx/cp_async.cuh"

namespace jangle::test {
namespace {

using emulation::NamedBarrier;

struct Indices {
  uint3 thread, block;
  dim3 threads, blocks;
};

__global__ void WriteIndices(Indices* out) {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = {threadIdx, blockIdx, blockDim,
                                                                gridDim};
}

// The sum of 0..n-1 by a tree with a barrier per level.
__global__ void TreeSum(int* out) {
  int* words = &SharedMemory<int>();
  words[threadIdx.x] = static_cast<int>(threadIdx.x);
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) words[threadIdx.x] += words[threadIdx.x + half];
  }
  if (threadIdx.x == 0) out[blockIdx.x] = words[0];
}

// Warp w hands a number to warp w + 1 through barrier w + 1; nobody else waits.
__global__ void Chain(int* out) {
  int* words = &SharedMemory<int>();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  if (warp > 0) NamedBarrier(warp, 64);
  words[threadIdx.x] = warp == 0 ? 1 : 2 * words[threadIdx.x - 32];
  if (warp + 1 < warps) NamedBarrier(warp + 1, 64);
  out[threadIdx.x] = words[threadIdx.x];
}

// In which order the threads came.
__global__ void Order(unsigned* ticket, unsigned* order) {
  order[atomicAdd(ticket, 1u)] = blockIdx.x * blockDim.x + threadIdx.x;
}

std::vector<unsigned> RunOrder(uint64_t seed) {
  const DeviceArray<unsigned> ticket(std::vector<unsigned>(1, 0));
  const DeviceArray<unsigned> order(4 * 64);
  emulation::SetSeed(seed);
  CHECK_EQ(Launch(Order, dim3(4), dim3(64), 0, nullptr, ticket.data(), order.data()), cudaSuccess);
  emulation::SetSeed(0);
  return order.Download();
}

__global__ void Poison(unsigned* out) {
  if (emulation::Checked()) return;
  out[threadIdx.x] = (&SharedMemory<unsigned>())[threadIdx.x];
}

// What a stage holds before and after its wait, with two groups under way.
__global__ void Stages(const uint4* in, unsigned* out) {
  uint4* words = &SharedMemory<uint4>();
  const unsigned t = threadIdx.x;
  words[t] = words[t + 32] = make_uint4(7, 7, 7, 7);
  CpAsync16(&words[t], &in[t]);
  CpAsyncCommit();
  CpAsync16OrZero(&words[t + 32], &in[t], t % 2 == 0);
  CpAsyncCommit();
  CpAsyncCommit();  // an empty group counts
  const bool look = !emulation::Checked();
  out[4 * t] = look ? words[t].x : 7;
  CpAsyncWait<2>();
  out[4 * t + 1] = words[t].y;
  out[4 * t + 2] = look ? words[t + 32].x : 7;
  CpAsyncWait<0>();
  out[4 * t + 3] = words[t + 32].y;
}

struct Cells {
  int add, lowest, highest;
  unsigned exchanged;
  unsigned long long big, wide_max;
  unsigned ticket;
};

__global__ void Atomics(Cells* cells, unsigned* seen) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const int value = static_cast<int>(i) - 50;
  atomicAdd(&cells->add, value);
  atomicMin(&cells->lowest, value);
  atomicMax(&cells->highest, value);
  atomicExch(&cells->exchanged, 9u);
  atomicAdd(&cells->big, 1ull << 33);
  atomicMax(&cells->wide_max, static_cast<unsigned long long>(i) << 32);
  // A ticket by compare and swap: each thread has its own.
  unsigned ticket = 0;
  for (;;) {
    const unsigned found = atomicCAS(&cells->ticket, ticket, ticket + 1);
    if (found == ticket) break;
    ticket = found;
  }
  seen[ticket] = i;
}

}  // namespace

TEST(block_indices) {
  const dim3 blocks(2, 3, 2);
  const dim3 threads(4, 2, 3);
  const DeviceArray<Indices> out(12 * 24);
  CHECK_EQ(Launch(WriteIndices, blocks, threads, 0, nullptr, out.data()), cudaSuccess);
  const std::vector<Indices> found = out.Download();
  for (unsigned i = 0; i < 12 * 24; i++) {
    CHECK_CONTEXT("thread %u", i);
    const unsigned t = i % 24;
    const unsigned b = i / 24;
    CHECK_EQ(found[i].thread.x, t % 4);
    CHECK_EQ(found[i].thread.y, t / 4 % 2);
    CHECK_EQ(found[i].thread.z, t / 8);
    CHECK_EQ(found[i].block.x, b % 2);
    CHECK_EQ(found[i].block.y, b / 2 % 3);
    CHECK_EQ(found[i].block.z, b / 6);
    CHECK_EQ(found[i].threads.y, 2);
    CHECK_EQ(found[i].blocks.y, 3);
  }
}

TEST(block_barriers_in_every_order) {
  for (uint64_t seed = 0; seed <= 20; seed++) {
    CHECK_CONTEXT("order %d", static_cast<int>(seed));
    emulation::SetSeed(seed);
    const DeviceArray<int> sums(7);
    CHECK_EQ(Launch(TreeSum, dim3(7), dim3(256), 1024, nullptr, sums.data()), cudaSuccess);
    const DeviceArray<int> chain(256);
    CHECK_EQ(Launch(Chain, dim3(1), dim3(256), 1024, nullptr, chain.data()), cudaSuccess);
    emulation::SetSeed(0);
    for (const int sum : sums.Download()) CHECK_EQ(sum, 255 * 128);
    const std::vector<int> found = chain.Download();
    for (size_t i = 0; i < found.size(); i++) CHECK_EQ(found[i], 1 << (i / 32));
  }
}

// Several threads of the operating system share the blocks unless the kernels are instrumented, so
// only then is the order the same each time.
TEST(block_order_follows_the_seed) {
  if (!emulation::Checked()) SKIP("needs the kernels' instrumentation");
  const std::vector<unsigned> ascending = RunOrder(0);
  for (unsigned i = 0; i < ascending.size(); i++) CHECK_EQ(ascending[i], i);
  bool block_first[4] = {};
  for (uint64_t seed = 1; seed <= 20; seed++) {
    CHECK_CONTEXT("order %d", static_cast<int>(seed));
    const std::vector<unsigned> order = RunOrder(seed);
    block_first[order[0] / 64] = true;
    CHECK(order == RunOrder(seed));
    CHECK(order != ascending);
    CHECK(order != RunOrder(seed + 1));
  }
  for (const bool was_first : block_first) CHECK(was_first);
}

TEST(block_shared_memory_starts_poisoned) {
  if (emulation::Checked()) SKIP("reading it is a fault where kernels are instrumented");
  const DeviceArray<unsigned> out(32);
  CHECK_EQ(Launch(Poison, dim3(1), dim3(32), 128, nullptr, out.data()), cudaSuccess);
  for (const unsigned word : out.Download()) CHECK_EQ(word, 0xffffffffu);
}

TEST(block_cp_async) {
  std::vector<uint4> values;
  for (unsigned i = 0; i < 32; i++) values.push_back(make_uint4(i, i + 100, i + 200, i + 300));
  const DeviceArray<uint4> in(values);
  const DeviceArray<unsigned> out(128);
  CHECK_EQ(Launch(Stages, dim3(1), dim3(32), 1024, nullptr, in.data(), out.data()), cudaSuccess);
  const std::vector<unsigned> found = out.Download();
  for (unsigned t = 0; t < 32; t++) {
    CHECK_CONTEXT("thread %u", t);
    CHECK_EQ(found[4 * t], 7);
    CHECK_EQ(found[4 * t + 1], t + 100);
    CHECK_EQ(found[4 * t + 2], 7);
    CHECK_EQ(found[4 * t + 3], t % 2 == 0 ? t + 100 : 0);
  }
}

TEST(block_atomics) {
  for (const uint64_t seed : {0u, 1u, 2u}) {
    emulation::SetSeed(seed);
    const DeviceArray<Cells> cells(std::vector<Cells>(1, Cells{0, 0, 0, 5, 1, 0, 0}));
    const DeviceArray<unsigned> seen(192);
    CHECK_EQ(Launch(Atomics, dim3(3), dim3(64), 0, nullptr, cells.data(), seen.data()),
             cudaSuccess);
    emulation::SetSeed(0);
    const Cells found = cells.Download()[0];
    CHECK_EQ(found.add, 191 * 96 - 192 * 50);
    CHECK_EQ(found.lowest, -50);
    CHECK_EQ(found.highest, 141);
    CHECK_EQ(found.exchanged, 9);
    CHECK_EQ(found.big, (192ull << 33) + 1);
    CHECK_EQ(found.wide_max, 191ull << 32);
    CHECK_EQ(found.ticket, 192);
    std::vector<bool> present(192);
    for (const unsigned i : seen.Download()) present[i] = true;
    for (const bool there : present) CHECK(there);
  }
}

}  // namespace jangle::test
