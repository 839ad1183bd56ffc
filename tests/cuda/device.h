// A device, its stream and arrays in its memory, through the C ABI: tests written with these run on
// any library that implements it.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "check.h"
#include "jangle.h"

// Only the emulation of CUDA has it (native-build/emulation/forget.cpp).
extern "C" __attribute__((weak)) void jangle_emulation_forget(void* memory, uint64_t bytes);

namespace jangle::test {

#define CHECK_OK(call)                                                                       \
  do {                                                                                       \
    ::jangle::test::CountCheck();                                                            \
    if ((call) != JG_OK) ::jangle::test::Fail(__FILE__, __LINE__, #call ": " + LastError()); \
  } while (0)

inline std::string LastError() { return jg_last_error(); }

class Device {
 public:
  Device() {
    CHECK_OK(jg_context_create(0, 2, JG_TIER_BEST, &context_));
    CHECK_OK(jg_stream_create(context_, &stream_));
  }
  ~Device() {
    jg_stream_destroy(stream_);
    jg_context_destroy(context_);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  jg_context* context() const { return context_; }
  jg_stream* stream() const { return stream_; }
  void Synchronize() const { CHECK_OK(jg_stream_synchronize(stream_)); }

 private:
  jg_context* context_ = nullptr;
  jg_stream* stream_ = nullptr;
};

template <typename T>
class DeviceArray {
 public:
  DeviceArray(const Device& device, int64_t count) : device_(device), count_(count) {
    if (count == 0) return;
    void* memory = nullptr;
    CHECK_OK(jg_buffer_alloc(device.context(), Bytes(), &memory));
    data_ = static_cast<T*>(memory);
  }
  DeviceArray(const Device& device, const std::vector<T>& from)
      : DeviceArray(device, static_cast<int64_t>(from.size())) {
    Upload(from);
  }
  ~DeviceArray() {
    if (data_ != nullptr) jg_buffer_free(device_.context(), data_);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  int64_t size() const { return count_; }
  int64_t Bytes() const { return count_ * static_cast<int64_t>(sizeof(T)); }
  void Upload(const std::vector<T>& from) {
    CHECK_EQ(from.size(), count_);
    CHECK_OK(jg_copy_to_device(device_.stream(), data_, from.data(), Bytes()));
    device_.Synchronize();
  }
  // From now on the checked emulation reports reads of what has not been written again. The memory
  // stays what it is: no library finds zeros where a test put NaN.
  void Forget() const {
    if (jangle_emulation_forget != nullptr && count_ > 0) {
      jangle_emulation_forget(data_, static_cast<uint64_t>(Bytes()));
    }
  }
  std::vector<T> Download() const {
    std::vector<T> to(static_cast<size_t>(count_));
    CHECK_OK(jg_copy_to_host(device_.stream(), to.data(), data_, Bytes()));
    device_.Synchronize();
    return to;
  }

 private:
  const Device& device_;
  int64_t count_;
  T* data_ = nullptr;
};

}  // namespace jangle::test
