// For tests: what they filled lest it be zeros counts as never written again.

#include "checks.h"
#include "device.h"

extern "C" __attribute__((visibility("default"))) void jangle_emulation_forget(void* memory,
                                                                               uint64_t bytes) {
  using namespace jangle::emulation;
  const DeviceLock lock;
  if (bytes > 0 && OnDevice(memory, bytes)) MarkDevice(memory, bytes, DeviceBytes::kAllocated);
}
