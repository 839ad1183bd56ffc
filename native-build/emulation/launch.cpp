// Launches: checks of the configuration, and the spreading of blocks over a few threads.

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>
#include <utility>

#include "block.h"
#include "checks.h"
#include "counts.h"
#include "describe.h"
#include "device.h"
#include "streams.h"

namespace jangle::emulation {
namespace {

// Runs a grid's blocks on the calling thread and on helpers. One grid at a time.
class Workers {
 public:
  explicit Workers(size_t threads);
  ~Workers();
  std::unique_ptr<Fault> Run(const Grid& grid);

 private:
  std::vector<std::unique_ptr<Block>> blocks_;  // one for each thread; the caller's is the first
  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  uint64_t round_ = 0;
  size_t busy_ = 0;
  bool stop_ = false;

  const Grid* grid_ = nullptr;
  uint64_t count_ = 0;
  std::vector<uint32_t> order_;  // empty: ascending
  std::atomic<uint64_t> next_{0};
  std::unique_ptr<Fault> fault_;  // guarded by mutex_

  void Help(size_t index);
  void Work(Block& block);
};

Workers::Workers(size_t threads) {
  for (size_t i = 0; i < threads; i++) blocks_.push_back(std::make_unique<Block>());
  for (size_t i = 1; i < threads; i++) helpers_.emplace_back([this, i] { Help(i); });
}

Workers::~Workers() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Workers::Help(size_t index) {
  uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
    }
    Work(*blocks_[index]);
    const std::scoped_lock lock(mutex_);
    if (--busy_ == 0) done_.notify_all();
  }
}

void Workers::Work(Block& block) {
  for (;;) {
    const uint64_t taken = next_.fetch_add(1);
    if (taken >= count_) return;
    const uint64_t linear = order_.empty() ? taken : order_[taken];
    const dim3& size = grid_->grid;
    block.Run(*grid_, {static_cast<unsigned>(linear % size.x),
                       static_cast<unsigned>(linear / size.x % size.y),
                       static_cast<unsigned>(linear / size.x / size.y)});
    if (block.fault != nullptr) {
      const std::scoped_lock lock(mutex_);
      if (fault_ == nullptr) fault_ = std::move(block.fault);
      next_.store(count_);
    }
  }
}

std::unique_ptr<Fault> Workers::Run(const Grid& grid) {
  grid_ = &grid;
  count_ = uint64_t{grid.grid.x} * grid.grid.y * grid.grid.z;
  next_.store(0);
  order_.clear();
  if (grid.seed != 0) {
    order_.resize(count_);
    std::iota(order_.begin(), order_.end(), 0u);
    uint64_t random = grid.seed;
    for (size_t i = order_.size(); i > 1; i--) {
      std::swap(order_[i - 1], order_[NextRandom(random) % i]);
    }
  }
  BeginLaunch(grid);
  // The checks keep one record of all blocks, which then must take turns.
  const bool alone = count_ == 1 || helpers_.empty() || checked;
  if (!alone) {
    {
      const std::scoped_lock lock(mutex_);
      round_++;
      busy_ = helpers_.size();
    }
    start_.notify_all();
  }
  Work(*blocks_[0]);
  if (!alone) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
  }
  return std::move(fault_);
}

Workers& TheWorkers() {
  static Workers workers(std::max<size_t>(
      1, EnvironmentNumber("JANGLE_EMULATION_THREADS", std::thread::hardware_concurrency())));
  return workers;
}

std::map<const void*, size_t>& SharedLimits() {
  static std::map<const void*, size_t> limits;
  return limits;
}

cudaError_t CheckConfiguration(dim3 grid, dim3 block, size_t shared_bytes, const void* kernel) {
  if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535 || block.x == 0 || block.y == 0 || block.z == 0 || block.x > kMaxThreads ||
      block.y > kMaxThreads || block.z > 64 ||
      uint64_t{block.x} * block.y * block.z > uint64_t{kMaxThreads}) {
    return cudaErrorInvalidConfiguration;
  }
  const auto found = SharedLimits().find(kernel);
  const size_t limit = found == SharedLimits().end() ? kDefaultSharedBytes : found->second;
  return shared_bytes > limit ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t RunGrid(const Grid& grid) {
  const std::unique_ptr<Fault> fault = TheWorkers().Run(grid);
  if (fault != nullptr) Report(fault->error, fault->kind, fault->text);
  return StickyError();
}

}  // namespace

cudaError_t LaunchKernel(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                         const KernelCall& call) {
  const DeviceLock lock;
  bool capturing;
  if (const cudaError_t error = StreamState(stream, &capturing)) return Return(error);
  if (const cudaError_t error = CheckConfiguration(grid, block, shared_bytes, call.kernel)) {
    return Return(error);
  }
  if (const size_t error = EnvironmentNumber("JANGLE_EMULATION_LAUNCH_ERROR", 0)) {
    return Return(static_cast<cudaError_t>(error));
  }
  if (!capturing) {
    TheCounts().kernels++;
    return Return(RunGrid({grid, block, shared_bytes, call, Seed()}));
  }
  struct alignas(16) Chunk {
    std::byte bytes[16];
  };
  std::vector<Chunk> closure((call.closure_bytes + sizeof(Chunk) - 1) / sizeof(Chunk));
  std::memcpy(closure.data(), call.closure, call.closure_bytes);
  Record(stream, [=, closure = std::move(closure)] {
    KernelCall replayed = call;
    replayed.closure = closure.data();
    return RunGrid({grid, block, shared_bytes, replayed, Seed()});
  });
  return cudaSuccess;
}

}  // namespace jangle::emulation

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  using namespace jangle::emulation;
  const DeviceLock lock;
  if (const cudaError_t error = StickyError()) return Return(error);
  if (kernel == nullptr) return Return(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value < 0 || static_cast<size_t>(value) > kMaxSharedBytes) {
      return Return(cudaErrorInvalidValue);
    }
    SharedLimits()[kernel] = static_cast<size_t>(value);
  }
  return cudaSuccess;
}
