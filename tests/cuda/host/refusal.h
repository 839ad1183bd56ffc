// Calls that must fail, with their status and a part of their text.
#pragma once

#include <cstdlib>
#include <string>

#include "check.h"
#include "jangle.h"

namespace jangle::test {

inline void CheckRefused(int32_t status, int32_t expected, const char* part, const char* file,
                         int line) {
  CountCheck();
  const std::string text = status == JG_OK ? "" : jg_last_error();
  if (status != expected || text.find(part) == std::string::npos) {
    Fail(file, line,
         "status " + Show(status) + ", expected " + Show(expected) + " with \"" + part +
             "\"\n    text:  " + text);
  }
}

// For tests in which CUDA itself refuses a call, or a kernel faults: compute-sanitizer reports
// that, as it should; so under it (native-build/sanitizer/run) they are left out.
inline void SkipUnderSanitizer() {
  if (std::getenv("JANGLE_SANITIZER") != nullptr) {
    SKIP("compute-sanitizer would report the calls that fail on purpose");
  }
}

}  // namespace jangle::test

#define CHECK_REFUSED(call, status, part) \
  ::jangle::test::CheckRefused((call), (status), (part), __FILE__, __LINE__)
