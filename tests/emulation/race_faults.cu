// Missing order between accesses: seeded faults of which each must be reported, and their correct
// twins, which must not.

#include "emulation/device.h"
#include "emulation/intrinsics.h"
#include "faults.h"
#include "launch.cuh"
#include "ptx/cp_async.cuh"

namespace jangle::test {
namespace {

using emulation::NamedBarrier;

constexpr unsigned kThreads = 128;
constexpr size_t kWordsBytes = kThreads * sizeof(int);

// Each thread writes a word and reads its neighbour's. Here and below the words have been written
// once before, so that the fault is a race in every order and not a read of nothing.
__global__ void Neighbour(int* out, bool barrier) {
  int* words = &SharedMemory<int>();
  words[threadIdx.x] = 0;
  __syncthreads();
  words[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (barrier) __syncthreads();
  out[threadIdx.x] = words[(threadIdx.x + 1) % kThreads];
}

// As Neighbour, within warps.
__global__ void WarpNeighbour(int* out, bool sync) {
  int* words = &SharedMemory<int>();
  words[threadIdx.x] = 0;
  __syncwarp();
  words[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (sync) {
    __syncwarp();
  } else {
    __any_sync(0xffffffffu, 1);  // a vote gives no order of memory
  }
  out[threadIdx.x] = words[threadIdx.x ^ 1];
}

// Bytes of one word that belong to different threads.
__global__ void Bytes(int* out, unsigned distance) {
  unsigned char* bytes = &SharedMemory<unsigned char>();
  bytes[threadIdx.x] = 0;
  __syncthreads();
  bytes[threadIdx.x] = 1;
  out[threadIdx.x] = bytes[(threadIdx.x + distance) % kThreads];
}

// Reads, then writes what others read.
__global__ void Rotate(int* out, bool second_barrier) {
  int* words = &SharedMemory<int>();
  words[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  const int next = words[(threadIdx.x + 1) % kThreads];
  if (second_barrier) __syncthreads();
  words[threadIdx.x] = next;
  __syncthreads();
  out[threadIdx.x] = words[threadIdx.x];
}

// Thread 33 writes what all others of two warps read. It meets those of its own warp, the last to
// read, in any case.
__global__ void WriteAfterReads(int* out, int* device_word, bool barrier) {
  int* word = device_word != nullptr ? device_word : &SharedMemory<int>();
  if (threadIdx.x == 0) *word = 0;
  __syncthreads();
  if (threadIdx.x != 33) out[threadIdx.x] = *word;
  __syncwarp();
  if (barrier) __syncthreads();
  if (threadIdx.x == 33) *word = 1;
}

// Warp 0 makes, warp 1 takes, by named barriers; `back` tells warp 0 that its buffer is free.
__global__ void Relay(int* out, bool back) {
  int* words = &SharedMemory<int>();
  const unsigned lane = threadIdx.x % 32;
  for (int round = 0; round < 3; round++) {
    if (threadIdx.x < 32) {
      if (back && round > 0) NamedBarrier(2, 64);
      words[lane] = round;
      NamedBarrier(1, 64);
    } else {
      NamedBarrier(1, 64);
      out[lane] = words[31 - lane];
      if (back && round < 2) NamedBarrier(2, 64);
    }
  }
}

// Warp 2 reads what warp 0 wrote; they meet only by way of warp 1.
__global__ void ThroughAnother(int* out, bool first_meets) {
  int* word = &SharedMemory<int>();
  const unsigned warp = threadIdx.x / 32;
  if (threadIdx.x == 0) *word = 0;
  __syncthreads();
  if (threadIdx.x == 0) *word = 1;
  if (warp < 2 && first_meets) NamedBarrier(1, 64);
  if (warp > 0) NamedBarrier(2, 64);
  if (warp == 2) out[threadIdx.x] = *word;
}

enum class CopyOrder { kNoWait, kNoBarrier, kCorrect };

// Copies by cp.async and reads what another thread copied.
__global__ void Copied(const int4* in, int* out, CopyOrder order) {
  int4* words = &SharedMemory<int4>();
  words[threadIdx.x] = make_int4(0, 0, 0, 0);
  __syncthreads();
  CpAsync16(&words[threadIdx.x], &in[threadIdx.x]);
  CpAsyncCommit();
  if (order != CopyOrder::kNoWait) CpAsyncWait<0>();
  if (order != CopyOrder::kNoBarrier) __syncthreads();
  out[threadIdx.x] = words[threadIdx.x ^ 1].x;
}

// A barrier that comes before the wait says nothing of the copy. Thread 0 copies, thread 1 reads.
__global__ void WaitAfterBarrier(const int4* in, int* out, bool second_barrier) {
  int4* words = &SharedMemory<int4>();
  if (threadIdx.x == 0) CpAsync16(words, in);
  CpAsyncCommit();
  __syncthreads();
  CpAsyncWait<0>();
  if (second_barrier) __syncthreads();
  if (threadIdx.x == 1) out[0] = words->x;
}

// Two stages in flight; the wait leaves `kNewest` of them.
template <int kNewest>
__global__ void Ring(const int4* in, int* out) {
  int4* words = &SharedMemory<int4>();
  for (unsigned stage = 0; stage < 2; stage++) {
    CpAsync16(&words[stage * kThreads + threadIdx.x], &in[threadIdx.x]);
    CpAsyncCommit();
  }
  CpAsyncWait<kNewest>();
  __syncthreads();
  out[threadIdx.x] = words[(threadIdx.x + 1) % kThreads].x + words[kThreads + threadIdx.x].x;
}

// A stage of a ring is filled again while other threads may still read it.
__global__ void Refill(const int4* in, int* out, bool barrier) {
  int4* words = &SharedMemory<int4>();
  int sum = 0;
  for (int round = 0; round < 3; round++) {
    CpAsync16(&words[threadIdx.x], &in[threadIdx.x]);
    CpAsyncCommit();
    CpAsyncWait<0>();
    __syncthreads();
    sum += words[(threadIdx.x + 5) % kThreads].y;
    if (barrier) __syncthreads();
  }
  out[threadIdx.x] = sum;
}

// Each block writes `width` words from its own place on.
__global__ void Strips(int* out, unsigned width) {
  for (unsigned i = threadIdx.x; i < width; i += blockDim.x) out[blockIdx.x * 8 + i] = 1;
}

// Blocks write in the place that others read.
__global__ void InPlace(int* values, unsigned distance) {
  const unsigned blocks = gridDim.x;
  if (threadIdx.x == 0) values[blockIdx.x] = values[(blockIdx.x + distance) % blocks] + 1;
}

// The last block writes at `to`; the others read the first value.
__global__ void OthersRead(int* values, int* out, unsigned to) {
  if (blockIdx.x + 1 == gridDim.x) {
    if (threadIdx.x == 0) values[to] = 1;
  } else {
    out[blockIdx.x * blockDim.x + threadIdx.x] = values[0];
  }
}

enum class LastBlock { kCorrect, kNoFence, kNoBarrier, kNoFenceAfter, kFenceOfBlockAfter };

// The last block to come adds what all blocks wrote. `partials` holds a value per thread.
__global__ void AddInLastBlock(int* partials, unsigned* counter, int* sum, LastBlock fault) {
  unsigned* last = &SharedMemory<unsigned>();
  partials[blockIdx.x * blockDim.x + threadIdx.x] = 1;
  if (fault != LastBlock::kNoBarrier) __syncthreads();
  if (threadIdx.x == 0) {
    if (fault != LastBlock::kNoFence) __threadfence();
    *last = atomicAdd(counter, 1u) == gridDim.x - 1 ? 1u : 0u;
    if (fault == LastBlock::kFenceOfBlockAfter) {
      __threadfence_block();
    } else if (fault != LastBlock::kNoFenceAfter) {
      __threadfence();
    }
  }
  __syncthreads();
  if (*last == 0) return;
  if (threadIdx.x == 0) {
    int total = 0;
    for (unsigned i = 0; i < gridDim.x * blockDim.x; i++) total += partials[i];
    *sum = total;
    *counter = 0;
  }
}

// Each block reads `value`, by all threads or by that alone which counts; the last to come writes
// it.
__global__ void LastBlockWrites(int* value, unsigned* counter, int* out, bool all_read,
                                bool barrier_in_first) {
  constexpr unsigned kCounting = 32;
  if (all_read || threadIdx.x == kCounting) out[blockIdx.x * blockDim.x + threadIdx.x] = *value;
  if (blockIdx.x != 0 || barrier_in_first) __syncthreads();
  if (threadIdx.x != kCounting) return;
  __threadfence();
  const bool last = atomicAdd(counter, 1u) == gridDim.x - 1;
  __threadfence();
  if (last) *value = 1;
}

// What the first block to come wrote, the last one reads. Each learns of it from the one before, by
// a counter of these two alone; `deaf` does not.
__global__ void HandOn(int* value, unsigned* arrivals, unsigned* links, int* out, unsigned deaf) {
  const unsigned place = atomicAdd(arrivals, 1u);  // no fence before it: this gives no order
  if (place > 0 && place != deaf) {
    while (atomicAdd(&links[place - 1], 0u) == 0) {
    }
  }
  __threadfence();
  if (place == 0) *value = 1;
  if (place == gridDim.x - 1) *out = *value;
  __threadfence();
  atomicAdd(&links[place], 1u);
}

// A histogram by atomics, then read.
__global__ void Histogram(int* out, bool barrier) {
  int* counts = &SharedMemory<int>();
  if (threadIdx.x < 4) counts[threadIdx.x] = 0;
  __syncthreads();
  atomicAdd(&counts[threadIdx.x % 4], 1);
  if (barrier) __syncthreads();
  out[threadIdx.x] = counts[(threadIdx.x + 1) % 4];
}

template <typename... Parameters, typename... Arguments>
cudaError_t RunBlock(void (*kernel)(Parameters...), unsigned threads, size_t shared_bytes,
                     const Arguments&... arguments) {
  DeviceArray<int> out(kThreads);
  return Launch(kernel, dim3(1), dim3(threads), shared_bytes, nullptr, out.data(), arguments...);
}

template <typename... Arguments>
cudaError_t RunCopy(void (*kernel)(const int4*, int*, Arguments...),
                    const Arguments&... arguments) {
  DeviceArray<int4> in(std::vector<int4>(kThreads, make_int4(1, 2, 3, 4)));
  DeviceArray<int> out(kThreads);
  return Launch(kernel, dim3(1), dim3(kThreads), 2 * kThreads * sizeof(int4), nullptr, in.data(),
                out.data(), arguments...);
}

cudaError_t RunLastBlock(LastBlock fault) {
  constexpr unsigned kBlocks = 5;
  DeviceArray<int> partials(std::vector<int>(kBlocks * 64, 0));
  DeviceArray<unsigned> counter(std::vector<unsigned>(1, 0));
  DeviceArray<int> sum(1);
  const cudaError_t error = Launch(AddInLastBlock, dim3(kBlocks), dim3(64), sizeof(unsigned),
                                   nullptr, partials.data(), counter.data(), sum.data(), fault);
  if (error == cudaSuccess) CHECK_EQ(sum.Download()[0], static_cast<int>(kBlocks * 64));
  return error;
}

cudaError_t RunLastBlockWrites(unsigned blocks, bool all_read, bool barrier_in_first) {
  DeviceArray<int> value(std::vector<int>(1, 5));
  DeviceArray<unsigned> counter(std::vector<unsigned>(1, 0));
  DeviceArray<int> out(blocks * 64);
  return Launch(LastBlockWrites, dim3(blocks), dim3(64), 0, nullptr, value.data(), counter.data(),
                out.data(), all_read, barrier_in_first);
}

cudaError_t RunHandOn(unsigned deaf) {
  constexpr unsigned kBlocks = 12;
  DeviceArray<int> value(std::vector<int>(1, 0));
  DeviceArray<unsigned> arrivals(std::vector<unsigned>(1, 0));
  DeviceArray<unsigned> links(std::vector<unsigned>(kBlocks, 0));
  DeviceArray<int> out(1);
  return Launch(HandOn, dim3(kBlocks), dim3(1), 0, nullptr, value.data(), arrivals.data(),
                links.data(), out.data(), deaf);
}

}  // namespace

TEST(race_missing_barrier) {
  SKIP_UNLESS_CHECKED();
  for (const auto& kernel : {Neighbour, Rotate}) {
    ExpectFault("race", cudaErrorLaunchFailure,
                [&] { return RunBlock(kernel, kThreads, kWordsBytes, false); });
    ExpectSilence([&] { return RunBlock(kernel, kThreads, kWordsBytes, true); });
  }
}

TEST(race_within_warp) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure,
              [] { return RunBlock(WarpNeighbour, kThreads, kWordsBytes, false); });
  ExpectSilence([] { return RunBlock(WarpNeighbour, kThreads, kWordsBytes, true); });
}

TEST(race_bytes_of_a_word) {
  SKIP_UNLESS_CHECKED();
  for (unsigned distance : {1u, 2u, 127u}) {
    ExpectFault("race", cudaErrorLaunchFailure,
                [&] { return RunBlock(Bytes, kThreads, kThreads, distance); });
  }
  ExpectSilence([] { return RunBlock(Bytes, kThreads, kThreads, 0u); });
}

TEST(race_write_after_reads) {
  SKIP_UNLESS_CHECKED();
  const auto run = [](bool shared, bool barrier) {
    const DeviceArray<int> word(1);
    return RunBlock(WriteAfterReads, 64, sizeof(int), shared ? nullptr : word.data(), barrier);
  };
  for (const bool shared : {true, false}) {
    ExpectFault("race", cudaErrorLaunchFailure, [&] { return run(shared, false); });
    ExpectSilence([&] { return run(shared, true); });
  }
}

TEST(race_named_barrier) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure, [] { return RunBlock(Relay, 64, 128, false); });
  ExpectSilence([] { return RunBlock(Relay, 64, 128, true); });
  ExpectFault("race", cudaErrorLaunchFailure,
              [] { return RunBlock(ThroughAnother, 96, 4, false); });
  ExpectSilence([] { return RunBlock(ThroughAnother, 96, 4, true); });
}

TEST(race_copy_without_wait) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("read before wait", cudaErrorLaunchFailure,
              [] { return RunCopy(Copied, CopyOrder::kNoWait); });
  ExpectFault("read before wait", cudaErrorLaunchFailure, [] { return RunCopy(Ring<1>); });
  ExpectSilence([] { return RunCopy(Copied, CopyOrder::kCorrect); });
  ExpectSilence([] { return RunCopy(Ring<0>); });
}

TEST(race_copy_without_barrier) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure,
              [] { return RunCopy(Copied, CopyOrder::kNoBarrier); });
  ExpectSilence([] { return RunCopy(WaitAfterBarrier, true); });
  // In other orders the copy has not even landed when it is read.
  emulation::ResetReports();
  CHECK_EQ(RunCopy(WaitAfterBarrier, false), cudaErrorLaunchFailure);
  CHECK_EQ(emulation::LastReport().substr(0, 5), "race:");
  emulation::ResetReports();
}

TEST(race_ring_refilled_too_early) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure, [] { return RunCopy(Refill, false); });
  ExpectSilence([] { return RunCopy(Refill, true); });
}

TEST(race_between_blocks) {
  SKIP_UNLESS_CHECKED();
  const auto strips = [](unsigned width) {
    DeviceArray<int> out(100);
    return Launch(Strips, dim3(4), dim3(32), 0, nullptr, out.data(), width);
  };
  ExpectFault("race", cudaErrorLaunchFailure, [&] { return strips(9); });
  ExpectSilence([&] { return strips(8); });
  const auto in_place = [](unsigned distance) {
    DeviceArray<int> values(std::vector<int>(8, 0));
    return Launch(InPlace, dim3(8), dim3(32), 0, nullptr, values.data(), distance);
  };
  ExpectFault("race", cudaErrorLaunchFailure, [&] { return in_place(1); });
  ExpectSilence([&] { return in_place(0); });
}

TEST(race_write_after_reads_of_other_blocks) {
  SKIP_UNLESS_CHECKED();
  for (const unsigned blocks : {2u, 4u}) {
    const auto run = [blocks](unsigned to) {
      const DeviceArray<int> values(std::vector<int>(2, 0));
      const DeviceArray<int> out(blocks * 32);
      return Launch(OthersRead, dim3(blocks), dim3(32), 0, nullptr, values.data(), out.data(), to);
    };
    ExpectFault("race", cudaErrorLaunchFailure, [&] { return run(0); });
    ExpectSilence([&] { return run(1); });
  }
}

TEST(race_last_block) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure, [] { return RunLastBlock(LastBlock::kNoFence); });
  ExpectFault("race", cudaErrorLaunchFailure, [] { return RunLastBlock(LastBlock::kNoBarrier); });
  for (const LastBlock fault : {LastBlock::kNoFenceAfter, LastBlock::kFenceOfBlockAfter}) {
    ExpectFault("race", cudaErrorLaunchFailure, [&] { return RunLastBlock(fault); });
  }
  ExpectSilence([] { return RunLastBlock(LastBlock::kCorrect); });
}

TEST(race_last_block_writes_what_others_read) {
  SKIP_UNLESS_CHECKED();
  for (unsigned blocks = 3; blocks <= 8; blocks++) {
    ExpectFault("race", cudaErrorLaunchFailure,
                [&] { return RunLastBlockWrites(blocks, true, false); });
    ExpectSilence([&] { return RunLastBlockWrites(blocks, true, true); });
    ExpectSilence([&] { return RunLastBlockWrites(blocks, false, true); });
  }
}

TEST(race_order_handed_on_by_many_blocks) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure, [] { return RunHandOn(6); });
  ExpectSilence([] { return RunHandOn(0); });
}

TEST(race_atomic_and_plain) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("race", cudaErrorLaunchFailure,
              [] { return RunBlock(Histogram, kThreads, 16, false); });
  ExpectSilence([] { return RunBlock(Histogram, kThreads, 16, true); });
}

}  // namespace jangle::test
