// A tiny test harness, so that the native tests build on a machine without a test framework.
//
//   TEST(name) {
//     CHECK(x > 0);
//     CHECK_EQ(a, b);
//     CHECK_BITS(y[i], want);
//     CHECK_NEAR(y, want, bound);
//   }
//
// A failed check prints what it compared and ends its test; the next test goes on. CHECK_CONTEXT
// adds a line about where in a loop the test was. A test that ran no check counts as failed, so
// that an empty loop cannot pass. check_main.cpp has main(): each argument is a filter, and the
// tests whose name contains one of them run (all, without arguments).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace jangle::test {

struct Failure {};
struct Skipped {
  std::string reason;
};

using TestFunction = void (*)();
// Adds a test to the list that main() runs. Returns a dummy for the static initialiser.
int Register(const char* name, const char* file, TestFunction function);
// Prints the message with its contexts and throws Failure.
[[noreturn]] void Fail(const char* file, int line, const std::string& message);
void CountCheck();

// One line printed with a failure while it is in scope, on the thread that made it.
class Context {
 public:
  __attribute__((format(printf, 2, 3))) explicit Context(const char* format, ...);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  const Context* outer() const { return outer_; }
  const char* text() const { return text_; }

 private:
  const Context* outer_;
  char text_[200];
};

template <typename T>
std::string Show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_floating_point_v<T>) {
    out.precision(sizeof(T) == 4 ? 9 : 17);
    out << value;
  } else if constexpr (sizeof(T) == 1 && std::is_integral_v<T>) {
    out << static_cast<int>(value);
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<int64_t>(value);
  } else {
    out << value;
  }
  return out.str();
}

template <typename A, typename B>
bool Equal(const A& a, const B& b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && !std::is_same_v<A, bool> &&
                !std::is_same_v<B, bool>) {
    return std::cmp_equal(a, b);
  } else {
    return a == b;
  }
}

template <typename A, typename B>
void CheckEqual(const A& a, const B& b, const char* a_text, const char* b_text, const char* file,
                int line) {
  CountCheck();
  if (!Equal(a, b)) {
    Fail(file, line,
         std::string(a_text) + " == " + b_text + "\n    left:  " + Show(a) +
             "\n    right: " + Show(b));
  }
}

template <typename F>
void CheckBits(F a, F b, const char* a_text, const char* b_text, const char* file, int line) {
  static_assert(std::is_floating_point_v<F>);
  using Bits = std::conditional_t<sizeof(F) == 4, uint32_t, uint64_t>;
  CountCheck();
  if (std::bit_cast<Bits>(a) != std::bit_cast<Bits>(b)) {
    char bits[80];
    std::snprintf(bits, sizeof bits, "\n    bits:  %0*llx, %0*llx", static_cast<int>(2 * sizeof(F)),
                  static_cast<unsigned long long>(std::bit_cast<Bits>(a)),
                  static_cast<int>(2 * sizeof(F)),
                  static_cast<unsigned long long>(std::bit_cast<Bits>(b)));
    Fail(file, line,
         std::string("bits of ") + a_text + " and " + b_text + "\n    left:  " + Show(a) +
             "\n    right: " + Show(b) + bits);
  }
}

inline void CheckNear(double a, double b, double bound, const char* a_text, const char* b_text,
                      const char* file, int line) {
  CountCheck();
  if (!(std::fabs(a - b) <= bound)) {
    Fail(file, line,
         std::string(a_text) + " is near " + b_text + "\n    left:  " + Show(a) + "\n    right: " +
             Show(b) + "\n    difference " + Show(std::fabs(a - b)) + ", allowed " + Show(bound));
  }
}

}  // namespace jangle::test

#define JG_TEST_JOIN_(a, b) a##b
#define JG_TEST_JOIN(a, b) JG_TEST_JOIN_(a, b)

#define TEST(name)                                            \
  static void Test_##name();                                  \
  [[maybe_unused]] static const int registered_##name =       \
      ::jangle::test::Register(#name, __FILE__, Test_##name); \
  static void Test_##name()

#define CHECK(condition)                                                    \
  do {                                                                      \
    ::jangle::test::CountCheck();                                           \
    if (!(condition)) ::jangle::test::Fail(__FILE__, __LINE__, #condition); \
  } while (0)
// Integers of any width and sign compare by value; NaN equals nothing.
#define CHECK_EQ(a, b) ::jangle::test::CheckEqual((a), (b), #a, #b, __FILE__, __LINE__)
// The same bits: tells -0 from 0 and one NaN from another.
#define CHECK_BITS(a, b) ::jangle::test::CheckBits((a), (b), #a, #b, __FILE__, __LINE__)
// |a - b| <= bound in double; NaN never passes.
#define CHECK_NEAR(a, b, bound) \
  ::jangle::test::CheckNear((a), (b), (bound), #a, #b, __FILE__, __LINE__)
#define CHECK_CONTEXT(...) \
  const ::jangle::test::Context JG_TEST_JOIN(context_, __LINE__)(__VA_ARGS__)
// Ends the test as skipped; the summary counts it and its reason is printed.
#define SKIP(reason) \
  throw ::jangle::test::Skipped { reason }
