// A call that must fail, with its status and a part of its text.
#pragma once

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

}  // namespace jangle::test

#define CHECK_REFUSED(call, status, part) \
  ::jangle::test::CheckRefused((call), (status), (part), __FILE__, __LINE__)
