#include <atomic>
#include <cstdarg>
#include <cstring>
#include <exception>
#include <vector>

#include "check.h"

namespace jangle::test {
namespace {

struct Test {
  const char* name;
  const char* file;
  TestFunction function;
};

std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

std::atomic<int64_t> checks{0};
thread_local const Context* innermost = nullptr;

bool Chosen(const Test& test, int argc, char** argv) {
  if (argc < 2) return true;
  for (int i = 1; i < argc; i++) {
    if (std::strstr(test.name, argv[i]) != nullptr) return true;
  }
  return false;
}

enum class Outcome { kPassed, kFailed, kSkipped };

Outcome Run(const Test& test) {
  const int64_t before = checks.load();
  try {
    test.function();
  } catch (const Failure&) {
    return Outcome::kFailed;
  } catch (const Skipped& skipped) {
    std::printf("skipped %s: %s\n", test.name, skipped.reason.c_str());
    return Outcome::kSkipped;
  } catch (const std::exception& e) {
    std::printf("%s: exception in %s: %s\n", test.file, test.name, e.what());
    return Outcome::kFailed;
  }
  if (checks.load() == before) {
    std::printf("%s: %s ran no check\n", test.file, test.name);
    return Outcome::kFailed;
  }
  return Outcome::kPassed;
}

}  // namespace

int Register(const char* name, const char* file, TestFunction function) {
  Tests().push_back({name, file, function});
  return 0;
}

void CountCheck() { checks.fetch_add(1, std::memory_order_relaxed); }

void Fail(const char* file, int line, const std::string& message) {
  std::printf("%s:%d: check failed: %s\n", file, line, message.c_str());
  for (const Context* c = innermost; c != nullptr; c = c->outer()) {
    std::printf("    in %s\n", c->text());
  }
  std::fflush(stdout);
  throw Failure{};
}

Context::Context(const char* format, ...) : outer_(innermost) {
  va_list args;
  va_start(args, format);
  std::vsnprintf(text_, sizeof text_, format, args);
  va_end(args);
  innermost = this;
}

// While a failure unwinds, the contexts have been printed already.
Context::~Context() { innermost = outer_; }

}  // namespace jangle::test

int main(int argc, char** argv) {
  using namespace jangle::test;
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  for (const Test& test : Tests()) {
    if (!Chosen(test, argc, argv)) continue;
    std::printf("run     %s\n", test.name);
    std::fflush(stdout);
    switch (Run(test)) {
      case Outcome::kPassed:
        passed++;
        break;
      case Outcome::kFailed:
        std::printf("FAILED  %s\n", test.name);
        failed++;
        break;
      case Outcome::kSkipped:
        skipped++;
        break;
    }
  }
  std::printf("%d passed, %d failed, %d skipped, %lld checks\n", passed, failed, skipped,
              static_cast<long long>(checks.load()));
  if (passed + failed + skipped == 0) {
    std::printf("no test matches\n");
    return 1;
  }
  return failed == 0 ? 0 : 1;
}
