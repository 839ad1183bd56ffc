// Wrong addresses and reads of nothing: seeded faults of which each must be reported, and their
// correct twins, which must not.

#include <cstring>

#include "faults.h"
#include "launch.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/shared.cuh"

extern "C" void jangle_emulation_forget(void* memory, uint64_t bytes);

namespace jangle::test {
namespace {

constexpr unsigned kThreads = 64;

constexpr int kTable[4] = {3, 1, 4, 1};

__global__ void Fill(int* out, unsigned size) {
  for (unsigned i = threadIdx.x; i < size; i += blockDim.x) out[i] = 1;
}

__global__ void Sum(const int* in, int* out, unsigned size) {
  int sum = 0;
  for (unsigned i = 0; i < size; i++) sum += in[i];
  out[threadIdx.x] = sum;
}

__global__ void FillShared(int* out, unsigned size) {
  int* words = &SharedMemory<int>();
  for (unsigned i = threadIdx.x; i < size; i += blockDim.x) words[i] = 1;
  __syncthreads();
  out[threadIdx.x] = words[0];
}

// Takes a float4 from `in` + offset, by way of shared memory or not.
__global__ void Vector(const float* in, float* out, unsigned offset, bool shared) {
  const float* from = in;
  if (shared) {
    float* words = &SharedMemory<float>();
    words[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    from = words;
  }
  const float4 v = *reinterpret_cast<const float4*>(from + offset);
  out[threadIdx.x] = v.x + v.w;
}

__global__ void MatrixRow(unsigned* out, unsigned offset) {
  unsigned* words = &SharedMemory<unsigned>();
  words[threadIdx.x] = threadIdx.x;
  words[threadIdx.x + 64] = threadIdx.x;
  __syncthreads();
  uint32_t r[4];
  Ldmatrix4(r, words + 4 * (threadIdx.x % 16) + offset);
  out[threadIdx.x] = r[0];
}

// Reads a word that only threads below `writers` have written.
__global__ void ReadShared(int* out, unsigned writers) {
  int* words = &SharedMemory<int>();
  if (threadIdx.x < writers) words[threadIdx.x] = 7;
  __syncthreads();
  out[threadIdx.x] = words[kThreads - 1 - threadIdx.x];
}

__global__ void Follow(int* out, const int* const* from) { out[threadIdx.x] = **from; }

struct Arguments {
  int values[6];
  int* out;
};

__global__ void ByValue(Arguments arguments) {
  int own[8];
  for (int i = 0; i < 8; i++) own[(threadIdx.x + static_cast<unsigned>(i)) % 8] = i;
  arguments.out[threadIdx.x] =
      kTable[threadIdx.x % 4] + arguments.values[threadIdx.x % 6] + own[threadIdx.x % 8];
}

// What a kernel finds behind a pointer that lies in device memory.
cudaError_t RunFollow(const int* pointer) {
  DeviceArray<int> out(kThreads);
  DeviceArray<const int*> from(std::vector<const int*>(1, pointer));
  return Launch(Follow, dim3(1), dim3(kThreads), 0, nullptr, out.data(), from.data());
}

cudaError_t RunVector(unsigned offset, bool shared) {
  DeviceArray<float> in(std::vector<float>(kThreads, 1));
  DeviceArray<float> out(kThreads);
  return Launch(Vector, dim3(1), dim3(kThreads), kThreads * sizeof(float), nullptr, in.data(),
                out.data(), offset, shared);
}

}  // namespace

TEST(memory_off_by_one_global) {
  SKIP_UNLESS_CHECKED();
  const auto fill = [](unsigned size) {
    DeviceArray<int> out(100);
    return Launch(Fill, dim3(1), dim3(kThreads), 0, nullptr, out.data(), size);
  };
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [&] { return fill(101); });
  ExpectSilence([&] { return fill(100); });
  const auto sum = [](unsigned size) {
    DeviceArray<int> in(std::vector<int>(100, 1));
    DeviceArray<int> out(kThreads);
    return Launch(Sum, dim3(1), dim3(kThreads), 0, nullptr, in.data(), out.data(), size);
  };
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [&] { return sum(101); });
  ExpectSilence([&] { return sum(100); });
}

TEST(memory_off_by_one_shared) {
  const auto run = [](unsigned size) {
    DeviceArray<int> out(kThreads);
    return Launch(FillShared, dim3(1), dim3(kThreads), 400, nullptr, out.data(), size);
  };
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [&] { return run(101); });
  ExpectSilence([&] { return run(100); });
}

TEST(memory_guard_zone) {
  if (emulation::Checked()) SKIP("found earlier where kernels are instrumented");
  const auto run = [](unsigned size) {
    int* out = nullptr;
    CHECK_EQ(cudaMalloc(&out, 400), cudaSuccess);
    CHECK_EQ(Launch(Fill, dim3(1), dim3(kThreads), 0, nullptr, out, size), cudaSuccess);
    const cudaError_t synchronized = cudaDeviceSynchronize();
    CHECK_EQ(cudaFree(out), synchronized);
    return synchronized;
  };
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [&] { return run(101); });
  ExpectSilence([&] { return run(100); });
}

TEST(memory_freed) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [] {
    const int* freed = DeviceArray<int>(std::vector<int>(1, 5)).data();
    return RunFollow(freed);
  });
  ExpectSilence([] {
    const DeviceArray<int> live(std::vector<int>(1, 5));
    return RunFollow(live.data());
  });
}

TEST(memory_of_the_host) {
  SKIP_UNLESS_CHECKED();
  static int variable = 5;
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [] { return RunFollow(&variable); });
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [] { return RunFollow(nullptr); });
  ExpectSilence([] {
    int* pinned = nullptr;
    CHECK_EQ(cudaHostAlloc(&pinned, sizeof(int), cudaHostAllocDefault), cudaSuccess);
    *pinned = 5;
    const cudaError_t error = RunFollow(pinned);
    cudaFreeHost(pinned);
    return error;
  });
}

TEST(memory_device_from_host_code) {
  SKIP_UNLESS_CHECKED();
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [] {
    const DeviceArray<int> live(std::vector<int>(1, 5));
    const volatile int* pointer = live.data();
    CHECK_EQ(*pointer, 5);
    return cudaPeekAtLastError();
  });
}

TEST(memory_arguments_and_tables) {
  SKIP_UNLESS_CHECKED();
  ExpectSilence([] {
    DeviceArray<int> out(kThreads);
    const Arguments arguments{{1, 2, 3, 4, 5, 6}, out.data()};
    return Launch(ByValue, dim3(1), dim3(kThreads), 0, nullptr, arguments);
  });
}

TEST(memory_misaligned) {
  SKIP_UNLESS_CHECKED();
  for (const bool shared : {false, true}) {
    for (const unsigned offset : {1u, 2u, 3u}) {
      ExpectFault("misaligned", cudaErrorMisalignedAddress,
                  [&] { return RunVector(offset, shared); });
    }
    ExpectSilence([&] { return RunVector(4, shared); });
  }
}

TEST(memory_misaligned_matrix_row) {
  const auto run = [](unsigned offset) {
    DeviceArray<unsigned> out(kThreads);
    return Launch(MatrixRow, dim3(1), dim3(kThreads), 512, nullptr, out.data(), offset);
  };
  ExpectFault("misaligned", cudaErrorMisalignedAddress, [&] { return run(2); });
  ExpectFault("out of bounds", cudaErrorIllegalAddress, [&] { return run(128); });
  ExpectSilence([&] { return run(4); });
}

TEST(memory_uninitialised_shared) {
  SKIP_UNLESS_CHECKED();
  const auto run = [](unsigned writers) {
    DeviceArray<int> out(kThreads);
    return Launch(ReadShared, dim3(1), dim3(kThreads), kThreads * sizeof(int), nullptr, out.data(),
                  writers);
  };
  ExpectFault("uninitialised shared read", cudaErrorLaunchFailure,
              [&] { return run(kThreads - 1); });
  ExpectSilence([&] { return run(kThreads); });
}

TEST(memory_uninitialised_global) {
  SKIP_UNLESS_CHECKED();
  const auto run = [](size_t written) {
    DeviceArray<int> in(10);
    CHECK_EQ(cudaMemset(in.data(), 0, written), cudaSuccess);
    DeviceArray<int> out(kThreads);
    return Launch(Sum, dim3(1), dim3(kThreads), 0, nullptr, in.data(), out.data(), 10u);
  };
  ExpectFault("uninitialised global read", cudaErrorLaunchFailure, [&] { return run(39); });
  ExpectSilence([&] { return run(40); });
}

// A copy of what was never written is no more written than that.
TEST(memory_uninitialised_global_after_a_copy) {
  SKIP_UNLESS_CHECKED();
  const auto run = [](size_t written) {
    DeviceArray<int> from(10);
    CHECK_EQ(cudaMemset(from.data(), 0, written), cudaSuccess);
    DeviceArray<int> in(std::vector<int>(10, 1));
    CHECK_EQ(cudaMemcpy(in.data(), from.data(), 40, cudaMemcpyDeviceToDevice), cudaSuccess);
    DeviceArray<int> out(kThreads);
    return Launch(Sum, dim3(1), dim3(kThreads), 0, nullptr, in.data(), out.data(), 10u);
  };
  ExpectFault("uninitialised global read", cudaErrorLaunchFailure, [&] { return run(39); });
  ExpectSilence([&] { return run(40); });
}

TEST(memory_forgotten) {
  SKIP_UNLESS_CHECKED();
  const auto run = [](size_t forgotten) {
    DeviceArray<int> in(std::vector<int>(10, 1));
    jangle_emulation_forget(in.data() + 9, forgotten);
    DeviceArray<int> out(kThreads);
    return Launch(Sum, dim3(1), dim3(kThreads), 0, nullptr, in.data(), out.data(), 10u);
  };
  ExpectFault("uninitialised global read", cudaErrorLaunchFailure, [&] { return run(1); });
  ExpectSilence([&] { return run(0); });
}

// A report names the kernel, the block, the thread and the address.
TEST(memory_report_text) {
  SKIP_UNLESS_CHECKED();
  emulation::ResetReports();
  const DeviceArray<int> live(std::vector<int>(10, 5));
  RunFollow(live.data() + 10);
  const std::string report = emulation::LastReport();
  const std::string sticky = cudaGetErrorString(cudaPeekAtLastError());
  emulation::ResetReports();
  CHECK_CONTEXT("%s", report.c_str());
  for (const char* part : {"read of 4 bytes at offset 40 of the device allocation of 40 bytes",
                           "Follow(int*, int const* const*)", "thread (0, 0, 0)",
                           "block (0, 0, 0) of a grid of (1, 1, 1), 64 threads"}) {
    CHECK_CONTEXT("%s", part);
    CHECK(report.find(part) != std::string::npos);
  }
  CHECK(sticky.find(report) != std::string::npos);
}

TEST(memory_report_names_what_is_no_device_memory) {
  SKIP_UNLESS_CHECKED();
  const int* odd = reinterpret_cast<const int*>(uintptr_t{0x12345});
  emulation::ResetReports();
  CHECK_EQ(RunFollow(odd), cudaErrorMisalignedAddress);
  const std::string report = emulation::LastReport();
  emulation::ResetReports();
  CHECK_CONTEXT("%s", report.c_str());
  CHECK(report.find("at 0x12345, which is no memory of the device") != std::string::npos);
}

// After a fault every call fails until the reports are reset.
TEST(memory_fault_sticks) {
  SKIP_UNLESS_CHECKED();
  emulation::ResetReports();
  CHECK_EQ(RunFollow(nullptr), cudaErrorIllegalAddress);
  void* pointer = nullptr;
  CHECK_EQ(cudaMalloc(&pointer, 4), cudaErrorIllegalAddress);
  CHECK_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  CHECK_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  CHECK_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  emulation::ResetReports();
  CHECK_EQ(cudaGetLastError(), cudaSuccess);
  CHECK_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

}  // namespace jangle::test
