// The runtime API: errors, device, memory, launch limits.

#include <cuda_runtime.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "device_array.h"
#include "emulation/report.h"
#include "launch.cuh"
#include "native/check.h"

namespace jangle::test {
namespace {

constexpr int kKib = 1024;

// Sets an environment variable while it lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

__global__ void Nothing() {}
__global__ void MuchShared() {}
__global__ void TooMuchShared() {}

__global__ void Count(unsigned* count) { atomicAdd(count, 1u); }

// With lanes that a block of one thread lacks.
__global__ void Lose() { __shfl_sync(0xffffffffu, 1, 0); }

cudaError_t LaunchNothing(dim3 grid, dim3 block, size_t shared_bytes = 0) {
  return Launch(Nothing, grid, block, shared_bytes, nullptr);
}

size_t FreeBytes() {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  CHECK_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  return free_bytes;
}

}  // namespace

TEST(runtime_device) {
  int count = 0;
  CHECK_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  CHECK_EQ(count, 1);
  CHECK_EQ(cudaSetDevice(0), cudaSuccess);
  CHECK_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  CHECK_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  CHECK_EQ(std::string(properties.name), "CUDA emulation");
  CHECK_EQ(properties.major, 9);
  CHECK_EQ(properties.multiProcessorCount, 132);
  int value = 0;
  CHECK_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), cudaSuccess);
  CHECK_EQ(value, 227 * kKib);
  CHECK_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
  CHECK_EQ(value, 9);
}

TEST(runtime_no_device) {
  const Environment none("JANGLE_EMULATION_DEVICES", "0");
  int count = 1;
  CHECK_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  CHECK_EQ(count, 0);
  CHECK_EQ(cudaSetDevice(0), cudaErrorNoDevice);
  cudaGetLastError();
}

TEST(runtime_driver_version) {
  const auto expect = [](const char* version, int number, cudaError_t error, int devices) {
    CHECK_CONTEXT("driver %s", version);
    const Environment driver("JANGLE_EMULATION_DRIVER", version);
    int found = -1;
    CHECK_EQ(cudaDriverGetVersion(&found), cudaSuccess);
    CHECK_EQ(found, number);
    CHECK_EQ(cudaRuntimeGetVersion(&found), cudaSuccess);
    CHECK_EQ(found, 13000);
    CHECK_EQ(cudaGetDeviceCount(&found), error);
    CHECK_EQ(found, devices);
    CHECK_EQ(cudaSetDevice(0), error);
    cudaGetLastError();
  };
  expect("0", 0, cudaErrorInsufficientDriver, 0);
  expect("12090", 12090, cudaErrorInsufficientDriver, 0);
  expect("13000", 13000, cudaSuccess, 1);
  expect("14010", 14010, cudaSuccess, 1);
}

TEST(runtime_last_error) {
  cudaGetLastError();
  CHECK_EQ(cudaSetDevice(7), cudaErrorInvalidDevice);
  CHECK_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  CHECK_EQ(cudaGetLastError(), cudaSuccess);
  CHECK_EQ(std::string(cudaGetErrorName(cudaErrorInvalidDevice)), "cudaErrorInvalidDevice");
  CHECK_EQ(std::string(cudaGetErrorString(cudaErrorMemoryAllocation)), "out of memory");
}

TEST(runtime_memory_accounting) {
  const Environment limit("JANGLE_EMULATION_MEMORY", "16777216");
  const size_t before = FreeBytes();
  void* pointer = nullptr;
  CHECK_EQ(cudaMalloc(&pointer, before + 1), cudaErrorMemoryAllocation);
  CHECK(pointer == nullptr);
  CHECK_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaMalloc(&pointer, kKib * kKib), cudaSuccess);
  CHECK_EQ(reinterpret_cast<uintptr_t>(pointer) % 256, 0);
  CHECK_EQ(FreeBytes(), before - kKib * kKib);
  CHECK_EQ(cudaFree(pointer), cudaSuccess);
  CHECK_EQ(FreeBytes(), before);
  CHECK_EQ(cudaFree(pointer), cudaErrorInvalidValue);
  CHECK_EQ(cudaFree(nullptr), cudaSuccess);
  cudaStream_t stream = nullptr;
  CHECK_EQ(cudaMallocAsync(&pointer, before, stream), cudaSuccess);
  CHECK_EQ(FreeBytes(), 0);
  CHECK_EQ(cudaFreeAsync(pointer, stream), cudaSuccess);
  CHECK_EQ(FreeBytes(), before);
  cudaGetLastError();
}

TEST(runtime_memory_starts_as_nan) {
  const DeviceArray<unsigned> memory(100);
  for (const unsigned word : memory.Download()) CHECK_EQ(word, 0xffffffffu);
}

TEST(runtime_copies) {
  const std::vector<int> values = {1, 2, 3, 4, 5};
  const DeviceArray<int> a(values);
  const DeviceArray<int> b(5);
  CHECK_EQ(cudaMemcpy(b.data(), a.data(), 20, cudaMemcpyDeviceToDevice), cudaSuccess);
  CHECK_EQ(cudaMemset(b.data() + 1, 0, 4), cudaSuccess);
  std::vector<int> found(5);
  CHECK_EQ(cudaMemcpyAsync(found.data(), b.data(), 20, cudaMemcpyDefault, nullptr), cudaSuccess);
  CHECK(found == (std::vector<int>{1, 0, 3, 4, 5}));
  // A range that leaves its allocation, and pointers on the wrong side.
  CHECK_EQ(cudaMemcpy(b.data(), values.data(), 24, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  CHECK_EQ(cudaMemcpy(b.data(), a.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  CHECK_EQ(cudaMemcpy(found.data(), found.data(), 4, cudaMemcpyDeviceToHost),
           cudaErrorInvalidValue);
  CHECK_EQ(cudaMemset(b.data(), 0, 21), cudaErrorInvalidValue);
  CHECK_EQ(cudaMemcpy(b.data(), nullptr, 0, cudaMemcpyHostToDevice), cudaSuccess);
  cudaGetLastError();
}

TEST(runtime_freed_addresses_rest) {
  void* first = nullptr;
  CHECK_EQ(cudaMalloc(&first, 1000), cudaSuccess);
  CHECK_EQ(cudaFree(first), cudaSuccess);
  for (int i = 0; i < 100; i++) {
    void* next = nullptr;
    CHECK_EQ(cudaMalloc(&next, 1000), cudaSuccess);
    CHECK(next != first);
    CHECK_EQ(cudaFree(next), cudaSuccess);
  }
}

TEST(runtime_launch_limits) {
  CHECK_EQ(LaunchNothing(dim3(1), dim3(1024)), cudaSuccess);
  CHECK_EQ(LaunchNothing(dim3(1), dim3(32, 32)), cudaSuccess);
  for (const dim3& block : {dim3(1025), dim3(32, 33), dim3(1, 1, 65), dim3(0), dim3(32, 0)}) {
    CHECK_CONTEXT("block %u %u %u", block.x, block.y, block.z);
    CHECK_EQ(LaunchNothing(dim3(1), block), cudaErrorInvalidConfiguration);
  }
  for (const dim3& grid : {dim3(0), dim3(1, 0), dim3(1, 1, 0), dim3(1, 65536), dim3(1, 1, 65536)}) {
    CHECK_CONTEXT("grid %u %u %u", grid.x, grid.y, grid.z);
    CHECK_EQ(LaunchNothing(grid, dim3(32)), cudaErrorInvalidConfiguration);
  }
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  CHECK_EQ(cudaDeviceSynchronize(), cudaSuccess);  // such errors do not stick
}

TEST(runtime_shared_memory_limits) {
  CHECK_EQ(LaunchNothing(dim3(1), dim3(32), 48 * kKib), cudaSuccess);
  CHECK_EQ(LaunchNothing(dim3(1), dim3(32), 48 * kKib + 1), cudaErrorInvalidValue);
  const cudaFuncAttribute limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
  CHECK_EQ(cudaFuncSetAttribute(MuchShared, limit, 227 * kKib), cudaSuccess);
  CHECK_EQ(Launch(MuchShared, dim3(1), dim3(32), 227 * kKib, nullptr), cudaSuccess);
  CHECK_EQ(Launch(MuchShared, dim3(1), dim3(32), 227 * kKib + 1, nullptr), cudaErrorInvalidValue);
  // It holds for that kernel only.
  CHECK_EQ(LaunchNothing(dim3(1), dim3(32), 100 * kKib), cudaErrorInvalidValue);
  CHECK_EQ(cudaFuncSetAttribute(TooMuchShared, limit, 227 * kKib + 1), cudaErrorInvalidValue);
  CHECK_EQ(Launch(TooMuchShared, dim3(1), dim3(32), 100 * kKib, nullptr), cudaErrorInvalidValue);
  cudaGetLastError();
}

// LaunchShared allows a kernel its shared memory at the first launch that may, and not again: a
// limit that is lowered behind its back stays.
TEST(runtime_shared_memory_is_allowed_once) {
  constexpr size_t kBytes = 100 * kKib;
  const DeviceArray<unsigned> count(std::vector<unsigned>(1, 0));
  const auto launch = [&] {
    return LaunchShared<Count, kBytes>(dim3(1), dim3(1), nullptr, count.data());
  };
  const void* kernel = reinterpret_cast<const void*>(Count);
  const cudaFuncAttribute limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
  emulation::ResetReports();
  CHECK_EQ(Launch(Count, dim3(1), dim3(1), kBytes, nullptr, count.data()), cudaErrorInvalidValue);
  // A call that fails, here since the device is lost, is not the one.
  CHECK_EQ(Launch(Lose, dim3(1), dim3(1), 0, nullptr), cudaErrorLaunchFailure);
  CHECK_EQ(launch(), cudaErrorLaunchFailure);
  emulation::ResetReports();
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; j++) {
        if (launch() != cudaSuccess) failed++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(failed.load(), 0);
  CHECK_EQ(count.Download()[0], 40);
  CHECK_EQ(cudaFuncSetAttribute(kernel, limit, 48 * kKib), cudaSuccess);
  CHECK_EQ(launch(), cudaErrorInvalidValue);
  CHECK_EQ(cudaFuncSetAttribute(kernel, limit, static_cast<int>(kBytes)), cudaSuccess);
  CHECK_EQ(launch(), cudaSuccess);
  cudaGetLastError();
}

TEST(runtime_pointer_attributes) {
  const DeviceArray<int32_t> array(3);
  cudaPointerAttributes attributes;
  CHECK_EQ(cudaPointerGetAttributes(&attributes, array.data()), cudaSuccess);
  CHECK_EQ(attributes.type, cudaMemoryTypeDevice);
  CHECK_EQ(attributes.device, 0);
  CHECK(attributes.devicePointer == array.data());
  CHECK_EQ(cudaPointerGetAttributes(&attributes, array.data() + 3), cudaSuccess);
  CHECK_EQ(attributes.type, cudaMemoryTypeUnregistered);
  CHECK_EQ(cudaPointerGetAttributes(&attributes, &attributes), cudaSuccess);
  CHECK_EQ(attributes.type, cudaMemoryTypeUnregistered);
  void* pinned = nullptr;
  CHECK_EQ(cudaHostAlloc(&pinned, 8, cudaHostAllocDefault), cudaSuccess);
  CHECK_EQ(cudaPointerGetAttributes(&attributes, pinned), cudaSuccess);
  CHECK_EQ(attributes.type, cudaMemoryTypeHost);
  CHECK_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST(runtime_device_of_a_stream) {
  int device = -1;
  CHECK_EQ(cudaStreamGetDevice(nullptr, &device), cudaSuccess);
  CHECK_EQ(device, 0);
  cudaStream_t stream = nullptr;
  CHECK_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  device = -1;
  CHECK_EQ(cudaStreamGetDevice(stream, &device), cudaSuccess);
  CHECK_EQ(device, 0);
  CHECK_EQ(cudaStreamDestroy(stream), cudaSuccess);
  CHECK_EQ(cudaStreamGetDevice(stream, &device), cudaErrorInvalidResourceHandle);
}

}  // namespace jangle::test
