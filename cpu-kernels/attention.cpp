// Tree-masked grouped-query attention over the paged cache. A page is
// [2 = K, V][kv_heads][64][head_dim] of F32 or F16.
//
// Order of arithmetic. Keys are grouped by absolute position into chunks of 64; the key at position
// p is lane p % 64 of chunk p / 64, in whatever slot it lies. For each query head:
//   score   kLanes partial sums over head_dim in ascending order, SumAcross, times scale
//   chunk   m = max of the scores; w = exp(score - m); l = sum of w in a fixed tree over 64 lanes;
//           o = sum of w * v over lanes in ascending order
//   merge   chunks in ascending order into a running (M, L, O): M' = max(M, m),
//           L' = L exp(M - M') + l exp(m - M'), and O alike; at the end O / L
// A lane beyond the row's position has weight 0 and its memory is never read. The chunk is given as
// a list of pointers, so one that lies in a page and one gathered through an ancestor list take the
// same path: a tree row equals sequential decoding bit for bit.
//
// Blocking. Query heads that share K and V (the heads of a group, for as many consecutive rows as
// fit) go through the chunks together, three at a time over four keys, then over four vectors of
// V. That changes when a sum is made, not how.
#include "jangle.h"
#include "simd.h"
#include "tier_ops.h"

namespace jangle::JG_TIER_NS {
namespace {

constexpr int kMaxQueries = 24;  // query heads in flight
constexpr int kMaxHeadDim = 256;
constexpr int kTile = 3;      // queries in registers
constexpr int kKeyBlock = 8;  // key lists are padded to a multiple

JG_INLINE F32 LoadVector(const float* p) { return Load(p); }
JG_INLINE F32 LoadVector(const uint16_t* p) { return LoadF16(p); }
JG_INLINE F32 LoadVectorPart(const float* p, int n) { return LoadPart(p, n); }
JG_INLINE F32 LoadVectorPart(const uint16_t* p, int n) { return LoadF16Part(p, n); }

// The keys of one chunk that a row may see: lanes [0, count).
template <typename T>
struct Chunk {
  int count;
  const T* k[JG_PAGE];  // padded with the last key to a multiple of kKeyBlock
  const T* v[JG_PAGE];
};

// The queries in flight. Rows of q and o are `stride` apart, zero beyond head_dim.
struct State {
  int64_t head_dim;
  int64_t stride;  // head_dim rounded up to kLanes
  float scale;
  alignas(64) float q[kMaxQueries * kMaxHeadDim];
  alignas(64) float o[kMaxQueries * kMaxHeadDim];
  alignas(64) float w[kMaxQueries][JG_PAGE];  // scores, then weights
  // Per query; padded so that vectors may run past the last one.
  alignas(64) float m[kMaxQueries + kLanes];        // running maximum
  alignas(64) float l[kMaxQueries + kLanes];        // running sum
  alignas(64) float chunk_m[kMaxQueries + kLanes];  // this chunk's
  alignas(64) float chunk_l[kMaxQueries + kLanes];
  alignas(64) float keep[kMaxQueries + kLanes];  // exp(M - M')
  alignas(64) float gain[kMaxQueries + kLanes];  // exp(m - M')
};

// Unscaled scores of kKeys keys from `lane` on for kQueries queries.
template <typename T, int kQueries, int kKeys>
JG_INLINE void ScoreBlock(State& s, const Chunk<T>& chunk, int query, int lane) {
  const float* q = s.q + query * s.stride;
  const T* const* k = chunk.k + lane;
  F32 sum[kQueries][kKeys];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; i++) {
#pragma GCC unroll 8
    for (int j = 0; j < kKeys; j++) sum[i][j] = Zero();
  }
  int64_t d = 0;
  for (; d + kLanes <= s.head_dim; d += kLanes) {
    F32 x[kQueries];
#pragma GCC unroll 8
    for (int i = 0; i < kQueries; i++) x[i] = Load(q + i * s.stride + d);
#pragma GCC unroll 8
    for (int j = 0; j < kKeys; j++) {
      const F32 key = LoadVector(k[j] + d);
#pragma GCC unroll 8
      for (int i = 0; i < kQueries; i++) sum[i][j] = Fma(key, x[i], sum[i][j]);
    }
  }
  if (d < s.head_dim) {
    const int rest = static_cast<int>(s.head_dim - d);
#pragma GCC unroll 8
    for (int j = 0; j < kKeys; j++) {
      const F32 key = LoadVectorPart(k[j] + d, rest);
#pragma GCC unroll 8
      for (int i = 0; i < kQueries; i++) {
        sum[i][j] = Fma(key, Load(q + i * s.stride + d), sum[i][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < kKeys; j += 4) {
      SumAcross4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3], &s.w[query + i][lane + j]);
    }
  }
}

// Unscaled scores of a chunk; its values are fetched from memory meanwhile, which they would
// otherwise be waited for. One query alone takes eight keys at a time, so that enough sums are in
// flight.
template <typename T>
void Scores(State& s, const Chunk<T>& chunk, int first, int queries) {
  constexpr int64_t kCacheLine = 64 / sizeof(T);
  for (int lane = 0; lane < chunk.count; lane += 4) {
    for (int j = lane; j < lane + 4 && j < chunk.count; j++) {
      for (int64_t d = 0; d < s.head_dim; d += kCacheLine) __builtin_prefetch(chunk.v[j] + d);
    }
    int i = 0;
    for (; i + kTile <= queries; i += kTile) ScoreBlock<T, 3, 4>(s, chunk, first + i, lane);
    if (queries - i == 2) ScoreBlock<T, 2, 4>(s, chunk, first + i, lane);
    if (queries - i == 1 && lane % 8 == 0) ScoreBlock<T, 1, 8>(s, chunk, first + i, lane);
  }
}

// Turns the scores of a query into weights; sets chunk_m and chunk_l.
void Softmax(State& s, int query, int count) {
  constexpr int kVectors = JG_PAGE / kLanes;
  float* w = s.w[query];
  const int used = (count + kLanes - 1) / kLanes;
  for (int i = count; i < used * kLanes; i++) w[i] = -__builtin_inff();
  F32 most = Set(-__builtin_inff());
  for (int i = 0; i < used; i++) {
    const F32 score = Mul(Load(w + i * kLanes), Set(s.scale));
    Store(w + i * kLanes, score);
    most = Max(most, score);
  }
  const float m = MaxAcross(most);
  // Where every score is -inf the weights are 0, not NaN.
  const F32 base = Set(m == -__builtin_inff() ? 0.0f : m);
  F32 sum[kVectors];
  for (int i = 0; i < used; i++) {
    sum[i] = Exp(Sub(Load(w + i * kLanes), base));
    Store(w + i * kLanes, sum[i]);
  }
  for (int i = used; i < kVectors; i++) sum[i] = Zero();
#pragma GCC unroll 4
  for (int width = kVectors / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) sum[i] = Add(sum[i], sum[i + width]);
  }
  s.chunk_m[query] = m;
  s.chunk_l[query] = SumAcross(sum[0]);
}

// Moves the running maximum and sum over this chunk; sets keep and gain.
void MoveMaximum(State& s, int first, int queries) {
  for (int i = first; i < first + queries; i += kLanes) {
    const F32 before = Load(s.m + i);
    const F32 chunk = Load(s.chunk_m + i);
    const F32 after = Max(before, chunk);
    const F32 none = Set(-__builtin_inff());
    const F32 base = Select(Equal(after, none), Zero(), after);
    const F32 keep = Exp(Sub(before, base));
    const F32 gain = Exp(Sub(chunk, base));
    const F32 sum = Fma(Load(s.chunk_l + i), gain, Mul(Load(s.l + i), keep));
    const int live = first + queries - i;
    if (live >= kLanes) {
      Store(s.m + i, after);
      Store(s.l + i, sum);
    } else {
      StorePart(s.m + i, after, live);
      StorePart(s.l + i, sum, live);
    }
    Store(s.keep + i, keep);
    Store(s.gain + i, gain);
  }
}

// o[d .. d + kVectors * kLanes) = o * keep + gain * sum over lanes of w * v, for kQueries queries.
// With kPart the (single) vector has only `rest` elements in the cache.
template <typename T, int kQueries, int kVectors, bool kPart>
JG_INLINE void ValueBlock(State& s, const Chunk<T>& chunk, int query, int64_t d, int rest) {
  F32 sum[kQueries][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; i++) {
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; j++) sum[i][j] = Zero();
  }
  const float* w = s.w[query];
  for (int lane = 0; lane < chunk.count; lane++) {
    const T* v = chunk.v[lane] + d;
    F32 weight[kQueries];
#pragma GCC unroll 8
    for (int i = 0; i < kQueries; i++) weight[i] = Set(w[i * JG_PAGE + lane]);
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; j++) {
      const F32 value = kPart ? LoadVectorPart(v, rest) : LoadVector(v + j * kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kQueries; i++) sum[i][j] = Fma(weight[i], value, sum[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kQueries; i++) {
    float* o = s.o + (query + i) * s.stride + d;
    const F32 keep = Set(s.keep[query + i]);
    const F32 gain = Set(s.gain[query + i]);
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; j++) {
      Store(o + j * kLanes, Fma(sum[i][j], gain, Mul(Load(o + j * kLanes), keep)));
    }
  }
}

template <typename T, int kQueries, int kVectors>
void Values(State& s, const Chunk<T>& chunk, int query) {
  int64_t d = 0;
  for (; d + kVectors * kLanes <= s.head_dim; d += kVectors * kLanes) {
    ValueBlock<T, kQueries, kVectors, false>(s, chunk, query, d, 0);
  }
  for (; d + kLanes <= s.head_dim; d += kLanes) {
    ValueBlock<T, kQueries, 1, false>(s, chunk, query, d, 0);
  }
  if (d < s.head_dim) {
    const int rest = static_cast<int>(s.head_dim - d);
    ValueBlock<T, kQueries, 1, true>(s, chunk, query, d, rest);
  }
}

// Takes queries [first, first + queries) through one chunk.
template <typename T>
void AttendChunk(State& s, const Chunk<T>& chunk, int first, int queries) {
  Scores(s, chunk, first, queries);
  for (int i = 0; i < queries; i++) Softmax(s, first + i, chunk.count);
  MoveMaximum(s, first, queries);
  int i = 0;
  for (; i + kTile <= queries; i += kTile) Values<T, 3, 4>(s, chunk, first + i);
  if (queries - i == 2) Values<T, 2, 4>(s, chunk, first + i);
  if (queries - i == 1) Values<T, 1, 8>(s, chunk, first + i);
}

// The cache of one sequence and one K/V head.
template <typename T>
struct HeadCache {
  const T* pages;  // at the head's K in page 0
  const int32_t* table;
  int64_t page_stride, value_offset, head_dim;

  const T* Key(int32_t slot) const {
    return pages + table[slot / JG_PAGE] * page_stride + (slot % JG_PAGE) * head_dim;
  }
};

// The chunk that holds positions 64 * index up to the row's position.
template <typename T>
void Gather(const BatchView& batch, const HeadCache<T>& cache, int64_t row, int32_t index,
            Chunk<T>* chunk) {
  const int32_t start = index * JG_PAGE;
  const int32_t left = batch.position[row] - start + 1;
  const int count = left < JG_PAGE ? left : JG_PAGE;
  const int32_t linear = batch.linear[row];
  const int plain = linear - start < count ? linear - start : count;
  int lane = 0;
  if (plain > 0) {
    const T* k = cache.Key(start);
    for (; lane < plain; lane++) {
      chunk->k[lane] = k + lane * cache.head_dim;
      chunk->v[lane] = k + lane * cache.head_dim + cache.value_offset;
    }
  }
  for (; lane < count; lane++) {
    chunk->k[lane] = cache.Key(batch.tail_slots[batch.tail_begin[row] + (start + lane - linear)]);
    chunk->v[lane] = chunk->k[lane] + cache.value_offset;
  }
  for (; lane % kKeyBlock != 0; lane++) chunk->k[lane] = chunk->k[count - 1];
  chunk->count = count;
}

// Rows [row, row + rows), all of one sequence, for `heads` query heads from `head` on, which share
// K/V head kv_head. Query i of the state is row i / heads, head i % heads.
template <typename T>
void AttendRows(const AttentionArgs& args, State& s, int64_t kv_head, int64_t head, int heads,
                int64_t row, int rows) {
  const BatchView& batch = *args.batch;
  const int64_t dim = args.head_dim;
  const int queries = rows * heads;
  const int64_t head_stride = JG_PAGE * dim;
  const HeadCache<T> cache = {
      .pages = static_cast<const T*>(args.kv_pages) + kv_head * head_stride,
      .table = batch.pages + int64_t{batch.sequence[row]} * batch.max_pages,
      .page_stride = 2 * args.kv_heads * head_stride,
      .value_offset = args.kv_heads * head_stride,
      .head_dim = dim,
  };
  for (int i = 0; i < queries; i++) {
    const float* q = args.q + (row + i / heads) * args.ldq + (head + i % heads) * dim;
    for (int64_t d = 0; d < s.stride; d++) {
      s.q[i * s.stride + d] = d < dim ? q[d] : 0.0f;
      s.o[i * s.stride + d] = 0.0f;
    }
  }
  for (int i = 0; i < kMaxQueries + kLanes; i++) {
    s.m[i] = s.chunk_m[i] = -__builtin_inff();
    s.l[i] = s.chunk_l[i] = 0.0f;
  }

  Chunk<T> chunk;
  // Chunks that lie wholly in slots of the same number, for all of the rows.
  int32_t shared = batch.linear[row] / JG_PAGE;
  for (int i = 1; i < rows; i++) {
    const int32_t plain = batch.linear[row + i] / JG_PAGE;
    shared = plain < shared ? plain : shared;
  }
  for (int32_t c = 0; c < shared; c++) {
    Gather(batch, cache, row, c, &chunk);
    AttendChunk(s, chunk, 0, queries);
  }
  for (int i = 0; i < rows; i++) {
    for (int32_t c = shared; c <= batch.position[row + i] / JG_PAGE; c++) {
      Gather(batch, cache, row + i, c, &chunk);
      AttendChunk(s, chunk, i * heads, heads);
    }
  }

  for (int i = 0; i < queries; i++) {
    float* out = args.out + (row + i / heads) * args.ldout + (head + i % heads) * dim;
    const float* o = s.o + i * s.stride;
    const F32 l = Set(s.l[i]);
    int64_t d = 0;
    for (; d + kLanes <= dim; d += kLanes) Store(out + d, Div(Load(o + d), l));
    if (d < dim) StorePart(out + d, Div(Load(o + d), l), static_cast<int>(dim - d));
  }
}

template <typename T>
void AttendItems(const AttentionArgs& args, int64_t begin, int64_t end) {
  const BatchView& batch = *args.batch;
  const int64_t group = args.heads / args.kv_heads;
  State s;
  s.head_dim = args.head_dim;
  s.stride = (args.head_dim + kLanes - 1) / kLanes * kLanes;
  s.scale = args.scale;
  for (int64_t item = begin; item < end;) {
    const int64_t kv_head = item / batch.rows;
    const int64_t row = item % batch.rows;
    const int64_t row_end = row + (end - item) < batch.rows ? row + (end - item) : batch.rows;
    const int64_t most = group < kMaxQueries ? kMaxQueries / group : 1;
    int rows = 1;
    while (rows < most && row + rows < row_end &&
           batch.sequence[row + rows] == batch.sequence[row]) {
      rows++;
    }
    for (int64_t h = 0; h < group; h += kMaxQueries) {
      const int heads = static_cast<int>(group - h < kMaxQueries ? group - h : kMaxQueries);
      AttendRows<T>(args, s, kv_head, kv_head * group + h, heads, row, rows);
    }
    item += rows;
  }
}

}  // namespace

void Attention(const AttentionArgs& args, int64_t begin, int64_t end) {
  if (args.dtype == JG_F16) {
    AttendItems<uint16_t>(args, begin, end);
  } else {
    AttendItems<float>(args, begin, end);
  }
}

}  // namespace jangle::JG_TIER_NS
