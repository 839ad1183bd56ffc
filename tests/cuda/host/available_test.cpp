// A machine without a GPU, or with one that cannot be used: every way in gives JG_UNAVAILABLE with
// the same reason. JANGLE_TEST_REASON is a part of the text that is expected here; where it is not
// set, a GPU may be there or not.
#include <cstdlib>
#include <string>

#include "check.h"
#include "jangle.h"
#include "refusal.h"

using namespace jangle::test;

TEST(every_way_in_gives_the_same_answer) {
  const char* reason = std::getenv("JANGLE_TEST_REASON");
  int32_t count = 0;
  const int32_t expected = jg_device_count(&count);
  const std::string text = expected == JG_OK ? "" : jg_last_error();
  CHECK_EQ(expected, reason == nullptr && count > 0 ? JG_OK : JG_UNAVAILABLE);
  if (expected != JG_OK) {
    std::printf("reason: %s\n", text.c_str());
    CHECK(text.find(reason == nullptr ? "NVIDIA driver" : reason) != std::string::npos);
  }
  char name[64] = "";
  int32_t tier = 0;
  jg_context* context = nullptr;
  CHECK_EQ(jg_device_name(0, name, sizeof name), expected);
  CHECK_EQ(jg_device_tier(0, &tier), expected);
  CHECK_EQ(jg_context_create(0, 0, JG_TIER_BEST, &context), expected);
  if (expected != JG_OK) {
    CHECK_EQ(std::string(jg_last_error()), text);
    CHECK(context == nullptr);
    return;
  }
  CHECK(name[0] != '\0');
  CHECK(tier >= 80);
  int32_t threads = 0;
  int32_t of_context = 0;
  CHECK_EQ(jg_context_info(context, &threads, &of_context), JG_OK);
  CHECK_EQ(threads, 1);
  CHECK_EQ(of_context, tier);
  CHECK_EQ(jg_context_destroy(context), JG_OK);
  CHECK_EQ(jg_device_name(1, name, sizeof name), JG_INVALID_ARGUMENT);
  CHECK_EQ(jg_context_create(1, 0, JG_TIER_BEST, &context), JG_INVALID_ARGUMENT);
  CHECK(std::string(jg_last_error()).find("CUDA_VISIBLE_DEVICES") != std::string::npos);
  CHECK_EQ(jg_context_destroy(nullptr), JG_OK);
}

TEST(a_gpu_on_which_no_kernel_starts_says_why) {
  char name[64] = "";
  if (jg_device_name(0, name, sizeof name) != JG_OK ||
      std::string(name).find("CUDA emulation") == std::string::npos) {
    SKIP("only the emulation pretends that kernels do not start");
  }
  struct Case {
    const char* error;
    int32_t status;
    const char* part;
  };
  for (const Case& made : {
           Case{"2", JG_UNAVAILABLE, "memory is taken by other processes"},
           Case{"46", JG_UNAVAILABLE, "in use exclusively by another process"},
           Case{"209", JG_UNAVAILABLE, "build it with JANGLE_CUDA_ARCHITECTURES=90"},
           Case{"222", JG_UNAVAILABLE, "build it with JANGLE_CUDA_ARCHITECTURES=90"},
           Case{"304", JG_INTERNAL, "the first kernel failed"},
           Case{"719", JG_DEVICE_LOST, "the GPU cannot be used any more"},
       }) {
    setenv("JANGLE_EMULATION_LAUNCH_ERROR", made.error, 1);
    jg_context* context = nullptr;
    CHECK_REFUSED(jg_context_create(0, 0, JG_TIER_BEST, &context), made.status, made.part);
    CHECK(context == nullptr);
  }
  unsetenv("JANGLE_EMULATION_LAUNCH_ERROR");
  jg_context* context = nullptr;
  CHECK_EQ(jg_context_create(0, 0, JG_TIER_BEST, &context), JG_OK);
  CHECK_EQ(jg_context_destroy(context), JG_OK);
}
