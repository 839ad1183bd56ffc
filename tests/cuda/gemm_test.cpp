#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "matrices_on_device.h"

using namespace jangle;
using namespace jangle::test;

// Sums of small integers are exact in any order, so every index is checked.
TEST(gemm_of_integers_is_exact) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    Random random(1);
    for (int round = 0; round < 12; round++) {
      Gemm g = {1 + random.Below(90), 1 + random.Below(140), 1 + random.Below(100)};
      if (round == 0) g = {1, 1, 1};
      if (round == 1) g = {64, 128, 64};
      if (round == 2) g.k += 300;
      g.pad = round % 4 * 3;
      g.alpha = round % 3 == 0 ? 1.0f : -2.0f;
      for (int form = 0; form < 8; form++) CheckIntegers(device, products, WithForm(g, form), 9);
    }
  });
}

// With so many outputs thread blocks make larger tiles.
TEST(gemm_of_many_outputs_is_exact) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    CheckIntegers(device, products, WithForm({1000, 1100, 130}, 1), 9);
    if (products == JG_BF16) {
      CheckIntegers(device, products, WithForm({1450, 2010, 170}, 6), 9);
      CheckIntegers(device, products, WithForm({3, 24550, 20}, 7), 9);
    }
  });
}

// A long k is cut in parts.
TEST(gemm_of_many_inputs_is_exact) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    for (const Gemm& shape : {WithForm({7, 60, 8192}, 3), WithForm({60, 7, 17000}, 4)}) {
      Gemm g = shape;
      g.alpha = 0.5f;
      CheckIntegers(device, products, g, 5);
    }
  });
}

TEST(gemm_matches_double) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    for (const Gemm& shape : {WithForm({37, 50, 576}, 2), WithForm({70, 40, 900}, 0),
                              WithForm({30, 90, 1536}, 5), WithForm({10, 13, 8200}, 6)}) {
      Gemm g = shape;
      g.alpha = g.transpose_a ? 0.37f : 1.0f;
      CHECK_CONTEXT("%s", Describe(g));
      const GemmInputs in = NormalInputs(g, 4);
      const auto got = RunGemm(device, products, g, in);
      const GemmInputs read = products == JG_BF16 ? Rounded(in) : in;
      const auto exact = GemmReference<double>(g, read);
      const double error = LargestDifference(got.data(), exact.data(), std::ssize(exact));
      CHECK_NEAR(error, 0, ErrorBound(GemmReference<float>(g, read), exact));
    }
  });
}

// A part of the rows and columns alone has the bits that it has in the whole, whatever the tiles.
TEST(gemm_part_alone_has_the_same_bits) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    for (int form = 0; form < 8; form++) {
      CheckPartsAlone(device, products, WithForm({90, 170, 150}, form),
                      {{1, 1}, {90, 3}, {2, 170}, {13, 70}, {70, 13}});
    }
    CheckPartsAlone(device, products, WithForm({70, 60, 8200}, 2), {{1, 60}, {13, 20}});
    for (const Gemm& large : {Gemm{1000, 1100, 40}, Gemm{1450, 2010, 40}}) {
      CheckPartsAlone(device, products, WithForm(large, 2), {{1, 1}, {100, 9}, {9, 300}});
    }
  });
}

TEST(gemm_keeps_a_nan_in_its_row_and_column) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    for (int form = 0; form < 4; form++) {
      const Gemm g = WithForm({29, 45, 31}, form);
      GemmInputs in = NormalInputs(g, 5);
      in.a[static_cast<size_t>(g.transpose_a ? 3 * g.m + 7 : 7 * g.k + 3)] = NAN;
      in.b[static_cast<size_t>(g.transpose_b ? 11 * g.k + 3 : 3 * g.n + 11)] = INFINITY;
      const auto got = RunGemm(device, products, g, in);
      for (int64_t i = 0; i < g.m; i++) {
        for (int64_t j = 0; j < g.n; j++) {
          const float value = got[static_cast<size_t>(i * g.n + j)];
          CHECK_EQ(std::isnan(value), i == 7);
          CHECK_EQ(std::isinf(value), i != 7 && j == 11);
        }
      }
    }
  });
}

// Products of one element: all that happens to it is the rounding.
TEST(gemm_rounds_to_nearest_even) {
  const Device device;
  std::vector<float> values = {0.0f,   -0.0f,   1.0f,  1.00390625f, 1.01171875f, -1.00390625f,
                               1e-40f, -3e-39f, 3e38f, 3.4e38f,     -3.4e38f,    1.00390637f};
  Random random(9);
  while (values.size() < 300) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random.Next())));
    if (!std::isfinite(values.back())) values.pop_back();
  }
  const Gemm g = {std::ssize(values), 1, 1};
  EachProducts(device, [&](int32_t products) {
    const GemmInputs in = {values, {1.0f}, std::vector<float>(values.size())};
    const auto got = RunGemm(device, products, g, in);
    const GemmInputs read = products == JG_BF16 ? Rounded(in) : in;
    for (size_t i = 0; i < values.size(); i++) {
      CHECK_CONTEXT("%.9g", static_cast<double>(values[i]));
      CHECK_EQ(got[i], read.a[i]);
    }
  });
}

TEST(gemm_in_a_graph_repeats_itself) {
  const Device device;
  EachProducts(device, [&](int32_t products) {
    const Gemm g = {20, 30, 8200};
    const GemmInputs in = NormalInputs(g, 8);
    const auto want = RunGemm(device, products, g, in);
    const DeviceArray<float> a(device, in.a);
    const DeviceArray<float> b(device, in.b);
    DeviceArray<float> c(device, g.m * g.n);
    const DeviceArray<uint8_t> scratch(device, GemmScratch(device, products, g));
    jg_graph* graph = nullptr;
    CHECK_OK(jg_graph_begin(device.stream()));
    CHECK_OK(jg_gemm(device.stream(), products, g.m, g.n, g.k, 1, 0, a.data(), g.k, 0, b.data(),
                     g.n, 0, c.data(), g.n, scratch.data(), scratch.size()));
    CHECK_OK(jg_graph_end(device.stream(), &graph));
    for (int i = 0; i < 2; i++) {
      c.Upload(std::vector<float>(want.size(), std::numeric_limits<float>::quiet_NaN()));
      CHECK_OK(jg_graph_launch(device.stream(), graph));
      device.Synchronize();
      const auto got = c.Download();
      CHECK(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)) == 0);
    }
    CHECK_OK(jg_graph_destroy(graph));
  });
}

TEST(gemm_refuses_wrong_arguments) {
  const Device device;
  const DeviceArray<float> x(device, 64);
  const DeviceArray<uint8_t> scratch(device, 1 << 22);
  const auto refused = [](int32_t status, const char* part) {
    CHECK_CONTEXT("last error: %s; expected: %s", jg_last_error(), part);
    CHECK_EQ(status, JG_INVALID_ARGUMENT);
    CHECK(std::strstr(jg_last_error(), part) != nullptr);
  };
  EachProducts(device, [&](int32_t products) {
    const auto gemm = [&](int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                          uint8_t* memory, int64_t bytes) {
      return jg_gemm(device.stream(), products, m, n, k, 1, 0, x.data(), lda, 0, x.data(), ldb, 0,
                     x.data(), ldc, memory, bytes);
    };
    refused(gemm(0, 2, 2, 2, 2, 2, scratch.data(), scratch.size()), "0 x 2 by 2 x 2");
    refused(gemm(2, 3, 4, 3, 3, 3, scratch.data(), scratch.size()), "3, 3 and 3 apart");
    refused(gemm(2, 3, 4, 4, 3, 3, scratch.data(), 64), "64 bytes of scratch; needs");
    refused(gemm(2, 3, 4, 4, 3, 3, nullptr, scratch.size()), "bytes of scratch");
    refused(gemm(2, 3, 4, 4, 3, 3, scratch.data() + 4, scratch.size() - 4), "aligned to 64");
    // Sizes whose products overflow ask for more than there can be.
    const int64_t most = (int64_t{1} << 31) - 1;
    int64_t bytes = 0;
    CHECK_OK(jg_gemm_scratch_bytes(device.context(), products, most, most, most, &bytes));
    CHECK(bytes > 0);
  });
  int64_t bytes = 0;
  refused(jg_gemm_scratch_bytes(device.context(), JG_F16, 1, 1, 1, &bytes),
          "products of format 1; there are those of JG_F32 and JG_BF16");
}
