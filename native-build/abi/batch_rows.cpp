// What jg_batch_set derives: position, slot, and for rows of a tree the slots of their ancestors in
// order of position.
#include "batch_rows.h"

#include <algorithm>

#include "error.h"

namespace jangle {
namespace {

constexpr int32_t kMostPositions = 1 << 30;
constexpr int64_t kSamplingInts = sizeof(Sampling) / sizeof(int32_t);

}  // namespace

int32_t BatchRows::CheckLimits(int32_t max_rows, int32_t max_sequences, int32_t max_pages) {
  JG_REQUIRE(max_rows > 0 && max_rows <= (1 << 20), "jg_batch_create: %d rows", max_rows);
  JG_REQUIRE(max_sequences > 0 && max_sequences <= max_rows, "jg_batch_create: %d sequences",
             max_sequences);
  JG_REQUIRE(max_pages > 0 && max_pages <= kMostPositions / JG_PAGE, "jg_batch_create: %d pages",
             max_pages);
  return JG_OK;
}

BatchRows::BatchRows(int32_t rows, int32_t sequences, int32_t pages_each)
    : max_rows(rows),
      max_sequences(sequences),
      max_pages(pages_each),
      next_sampling_(static_cast<size_t>(sequences)) {}

int64_t BatchRows::Ints() const {
  return 1 + max_sequences * kSamplingInts + int64_t{max_rows} * (7 + JG_MAX_TREE) +
         int64_t{max_sequences} * max_pages;
}

void BatchRows::Place(int32_t* block) {
  live = block;
  sampling = reinterpret_cast<Sampling*>(block + 1);
  block += 1 + max_sequences * kSamplingInts;
  for (int32_t** column : {&token, &sequence, &parent, &position, &slot, &linear, &tail_begin}) {
    *column = block;
    block += max_rows;
  }
  pages = block;
  tail_slots = block + int64_t{max_sequences} * max_pages;
}

int64_t BatchRows::UsedInts() const { return tail_slots - live + tail_count; }

BatchView BatchRows::View(const int32_t* block) const {
  const auto moved = [&](const int32_t* column) { return block + (column - live); };
  BatchView view;
  view.rows = count;
  view.max_pages = max_pages;
  view.token = moved(token);
  view.sequence = moved(sequence);
  view.parent = moved(parent);
  view.position = moved(position);
  view.slot = moved(slot);
  view.linear = moved(linear);
  view.tail_begin = moved(tail_begin);
  view.tail_slots = moved(tail_slots);
  view.pages = moved(pages);
  view.live = moved(live);
  view.sampling = reinterpret_cast<const Sampling*>(block + 1);
  return view;
}

int32_t BatchRows::SetSampling(int32_t of_sequence, float temperature, int32_t top_k, float top_p,
                               float min_p, uint64_t seed) {
  JG_REQUIRE(of_sequence >= 0 && of_sequence < max_sequences,
             "jg_batch_sampling: sequence %d; the batch holds %d", of_sequence, max_sequences);
  JG_REQUIRE(temperature > 0 && temperature < 1e30F,
             "jg_batch_sampling: temperature %g; expected more than 0 (0 is jg_argmax)",
             static_cast<double>(temperature));
  JG_REQUIRE(top_k >= 0, "jg_batch_sampling: top_k %d", top_k);
  JG_REQUIRE(top_p > 0 && top_p <= 1, "jg_batch_sampling: top_p %g; expected (0, 1]",
             static_cast<double>(top_p));
  JG_REQUIRE(min_p >= 0 && min_p <= 1, "jg_batch_sampling: min_p %g; expected [0, 1]",
             static_cast<double>(min_p));
  next_sampling_[static_cast<size_t>(of_sequence)] = {temperature,
                                                      top_k,
                                                      top_p,
                                                      min_p,
                                                      static_cast<uint32_t>(seed),
                                                      static_cast<uint32_t>(seed >> 32)};
  return JG_OK;
}

int32_t BatchRows::CheckRows(int32_t rows, const int32_t* tokens, const int32_t* sequences,
                             const int32_t* parents, int32_t sequences_used,
                             const int32_t* committed, const int32_t* page_tables) const {
  // `first` is the first row of the row's sequence; `chain` whether every row of it so far is the
  // child of the row before it.
  int32_t first = 0;
  bool chain = true;
  for (int32_t i = 0; i < rows; i++) {
    const int32_t own = sequences[i];
    JG_REQUIRE(own >= 0 && own < sequences_used, "jg_batch_set: row %d: sequence %d of %d", i, own,
               sequences_used);
    if (i == 0 || own != sequences[i - 1]) {
      JG_REQUIRE(i == 0 || own > sequences[i - 1],
                 "jg_batch_set: row %d: sequences must be in ascending order", i);
      first = i;
      chain = true;
    }
    const int32_t above = parents[i];
    JG_REQUIRE(above == -1 || (above >= first && above < i),
               "jg_batch_set: row %d: parent %d; expected -1 or an earlier row of the sequence, "
               "which begins at %d",
               i, above, first);
    chain = chain && above == (i == first ? -1 : i - 1);
    JG_REQUIRE(chain || i - first < JG_MAX_TREE,
               "jg_batch_set: row %d: a tree of one sequence has at most %d rows", i, JG_MAX_TREE);
    JG_REQUIRE(tokens[i] >= 0, "jg_batch_set: row %d: token %d", i, tokens[i]);
    const int32_t base = committed[own];
    JG_REQUIRE(base >= 0 && base < kMostPositions, "jg_batch_set: sequence %d: %d committed", own,
               base);
    const int64_t last_page = (static_cast<int64_t>(base) + (i - first)) / JG_PAGE;
    JG_REQUIRE(last_page < max_pages,
               "jg_batch_set: sequence %d needs page %lld; the batch holds %d", own,
               static_cast<long long>(last_page), max_pages);
    // A row behind the first needs at most one page more than the row before it.
    for (int64_t p = i == first ? 0 : last_page; p <= last_page; p++) {
      const int32_t page = page_tables[int64_t{own} * max_pages + p];
      JG_REQUIRE(page >= 0, "jg_batch_set: sequence %d: page %lld of its table is %d", own,
                 static_cast<long long>(p), page);
    }
  }
  return JG_OK;
}

int32_t BatchRows::Set(int32_t rows, int32_t padded_rows, const int32_t* tokens,
                       const int32_t* sequences, const int32_t* parents, int32_t sequences_used,
                       const int32_t* committed, const int32_t* page_tables) {
  JG_REQUIRE(tokens != nullptr && sequences != nullptr && parents != nullptr &&
                 committed != nullptr && page_tables != nullptr,
             "jg_batch_set: null argument");
  JG_REQUIRE(rows > 0 && rows <= max_rows, "jg_batch_set: %d rows; the batch holds 1 to %d", rows,
             max_rows);
  JG_REQUIRE(padded_rows >= rows && padded_rows <= max_rows,
             "jg_batch_set: %d rows padded to %d; the batch holds %d", rows, padded_rows, max_rows);
  // Attention counts on it: padding joins the rows of its sequence, but begins where row 0 does.
  JG_REQUIRE(padded_rows == rows || padded_rows <= JG_MAX_TREE,
             "jg_batch_set: %d rows padded to %d; more than %d rows cannot be padded", rows,
             padded_rows, JG_MAX_TREE);
  JG_REQUIRE(sequences_used > 0 && sequences_used <= max_sequences,
             "jg_batch_set: %d sequences; the batch holds 1 to %d", sequences_used, max_sequences);
  if (int32_t status =
          CheckRows(rows, tokens, sequences, parents, sequences_used, committed, page_tables)) {
    return status;
  }

  // `linear` is the number of leading positions whose slot has the same number.
  int32_t first = 0;
  int32_t tail = 0;
  int32_t* slots = tail_slots;
  for (int32_t i = 0; i < rows; i++) {
    if (i == 0 || sequences[i] != sequences[i - 1]) first = i;
    const int32_t base = committed[sequences[i]];
    const int32_t above = parents[i];
    const int32_t at = above < 0 ? base : position[above] + 1;
    const int32_t own_slot = base + (i - first);
    const int32_t above_linear = above < 0 ? base : linear[above];
    token[i] = tokens[i];
    sequence[i] = sequences[i];
    parent[i] = above;
    position[i] = at;
    slot[i] = own_slot;
    tail_begin[i] = tail;
    if (own_slot == at && above_linear == at) {
      linear[i] = at + 1;
      continue;
    }
    linear[i] = above_linear;
    const int32_t inherited = at - above_linear;  // ancestors past the linear part
    if (inherited > 0) {
      std::copy_n(slots + tail_begin[above], inherited, slots + tail);
    }
    tail += inherited;
    slots[tail++] = own_slot;
  }
  std::copy_n(page_tables, static_cast<size_t>(sequences_used) * static_cast<size_t>(max_pages),
              pages);
  for (int32_t* column : {token, sequence, parent, position, slot, linear, tail_begin}) {
    std::fill(column + rows, column + padded_rows, column[0]);
  }
  std::copy_n(next_sampling_.begin(), sequences_used, sampling);
  *live = rows;
  count = padded_rows;
  sequence_count = sequences_used;
  tail_count = tail;
  return JG_OK;
}

}  // namespace jangle
