#include "weights_on_device.h"

using namespace jangle;
using namespace jangle::test;

namespace {

struct Shape {
  int64_t n, k;
};

template <typename Fn>
void EachWeight(const Fn& fn) {
  for (int32_t dtype = JG_F32; dtype <= JG_Q4_1; dtype++) {
    for (const Shape& shape : {Shape{1, 32}, Shape{17, 96}, Shape{40, 160}, Shape{4101, 32}}) {
      const int64_t k = shape.k + (dtype <= JG_BF16 ? 5 : 0);
      CHECK_CONTEXT("%s, n %lld, k %lld", kFormatNames[dtype], static_cast<long long>(shape.n),
                    static_cast<long long>(k));
      Random random(static_cast<uint64_t>(shape.n + k));
      fn(MakeWideWeights(random, dtype, shape.n, k, false));
    }
  }
}

}  // namespace

TEST(pack_and_embed_give_every_weight_back) {
  const Device device;
  EachWeight([&](const FileWeights& w) {
    const PackedWeights packed(device, w);
    const auto rows = static_cast<int32_t>(std::min<int64_t>(w.n, 100));
    jg_batch* batch = nullptr;
    CHECK_OK(jg_batch_create(device.context(), rows, 1, 4, &batch));
    std::vector<int32_t> tokens;
    std::vector<int32_t> parents;
    for (int32_t i = 0; i < rows; i++) {
      tokens.push_back(static_cast<int32_t>((i * 1021 + 3) % w.n));
      parents.push_back(i - 1);
    }
    const std::vector<int32_t> sequences(tokens.size(), 0);
    const int32_t committed = 0;
    const int32_t pages[4] = {0, 1, 2, 3};
    CHECK_OK(jg_batch_set(device.stream(), batch, rows, tokens.data(), sequences.data(),
                          parents.data(), 1, &committed, pages));
    const int64_t ldout = w.k + 3;
    DeviceArray<float> out(device, rows * ldout);
    out.Upload(std::vector<float>(static_cast<size_t>(rows * ldout), NAN));
    out.Forget();
    CHECK_OK(jg_embed(device.stream(), batch, w.dtype, w.n, w.k, packed.data(), out.data(), ldout));
    device.Synchronize();
    const auto got = out.Download();
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t l = 0; l < ldout; l++) {
        const float value = got[static_cast<size_t>(i * ldout + l)];
        if (l < w.k) {
          const auto token = static_cast<int64_t>(tokens[static_cast<size_t>(i)]);
          CHECK_BITS(value, w.values[static_cast<size_t>(token * w.k + l)]);
        } else {
          CHECK(std::isnan(value));
        }
      }
    }
    CHECK_OK(jg_batch_destroy(batch));
  });
}

TEST(pack_in_pieces_equals_pack_at_once) {
  const Device device;
  EachWeight([&](const FileWeights& w) {
    if (w.n < 5) return;
    const PackedWeights whole(device, w);
    const PackedWeights pieces(device, w, 5);
    CHECK(whole.Bytes() == pieces.Bytes());
  });
}

TEST(pack_and_embed_refuse_a_weight_that_is_not_aligned) {
  const Device device;
  const DeviceArray<uint8_t> packed(device, 1 << 16);
  const DeviceArray<float> out(device, 32);
  const std::vector<uint8_t> source(2 * 32 * 4);
  const auto refused = [](int32_t status) {
    CHECK_EQ(status, JG_INVALID_ARGUMENT);
    CHECK(LastError().find("the packed weight is not aligned to 16 bytes") != std::string::npos);
  };
  refused(jg_pack(device.stream(), JG_F32, 2, 32, 0, 2, source.data(), std::ssize(source),
                  packed.data() + 8));
  jg_batch* batch = nullptr;
  CHECK_OK(jg_batch_create(device.context(), 1, 1, 1, &batch));
  const int32_t zero = 0;
  const int32_t none = -1;
  CHECK_OK(jg_batch_set(device.stream(), batch, 1, &zero, &zero, &none, 1, &zero, &zero));
  refused(jg_embed(device.stream(), batch, JG_F32, 2, 32, packed.data() + 4, out.data(), 32));
  CHECK_OK(jg_batch_destroy(batch));
}
