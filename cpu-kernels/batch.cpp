// jg_batch_set: checks the rows of a step, then derives position, slot, and for rows of a tree the
// slots of their ancestors in order of position.
#include <algorithm>

#include "context.h"
#include "error.h"

using jangle::Guard;

namespace {

constexpr int32_t kMostPositions = 1 << 30;

}  // namespace

extern "C" {

int32_t jg_batch_create(jg_context* context, int32_t max_rows, int32_t max_sequences,
                        int32_t max_pages, jg_batch** batch) {
  return Guard([&] {
    JG_REQUIRE(context != nullptr && batch != nullptr, "jg_batch_create: null argument");
    JG_REQUIRE(max_rows > 0 && max_rows <= (1 << 20), "jg_batch_create: %d rows", max_rows);
    JG_REQUIRE(max_sequences > 0 && max_sequences <= max_rows, "jg_batch_create: %d sequences",
               max_sequences);
    JG_REQUIRE(max_pages > 0 && max_pages <= kMostPositions / JG_PAGE, "jg_batch_create: %d pages",
               max_pages);
    auto* made = new jg_batch{};
    *batch = made;
    made->max_rows = max_rows;
    made->max_sequences = max_sequences;
    made->max_pages = max_pages;
    const auto rows = static_cast<size_t>(max_rows);
    for (auto* column : {&made->token, &made->sequence, &made->position, &made->slot, &made->linear,
                         &made->tail_begin}) {
      column->resize(rows);
    }
    made->tail_slots.resize(rows * JG_MAX_TREE);
    made->pages.resize(static_cast<size_t>(max_sequences) * static_cast<size_t>(max_pages));
    jangle::BatchView& view = made->view;
    view.max_pages = max_pages;
    view.token = made->token.data();
    view.sequence = made->sequence.data();
    view.position = made->position.data();
    view.slot = made->slot.data();
    view.linear = made->linear.data();
    view.tail_begin = made->tail_begin.data();
    view.tail_slots = made->tail_slots.data();
    view.pages = made->pages.data();
    return JG_OK;
  });
}

int32_t jg_batch_destroy(jg_batch* batch) {
  delete batch;
  return JG_OK;
}

int32_t jg_batch_set(jg_stream* stream, jg_batch* batch, int32_t rows, const int32_t* tokens,
                     const int32_t* sequences, const int32_t* parents, int32_t sequence_count,
                     const int32_t* committed, const int32_t* pages) {
  JG_REQUIRE(stream != nullptr && batch != nullptr && tokens != nullptr && sequences != nullptr &&
                 parents != nullptr && committed != nullptr && pages != nullptr,
             "jg_batch_set: null argument");
  JG_REQUIRE(rows > 0 && rows <= batch->max_rows, "jg_batch_set: %d rows; the batch holds 1 to %d",
             rows, batch->max_rows);
  JG_REQUIRE(sequence_count > 0 && sequence_count <= batch->max_sequences,
             "jg_batch_set: %d sequences; the batch holds 1 to %d", sequence_count,
             batch->max_sequences);

  // First pass: checks only. `first` is the first row of the row's sequence; `chain` whether every
  // row of it so far is the child of the row before it.
  int32_t first = 0;
  bool chain = true;
  for (int32_t i = 0; i < rows; i++) {
    const int32_t sequence = sequences[i];
    JG_REQUIRE(sequence >= 0 && sequence < sequence_count,
               "jg_batch_set: row %d: sequence %d of %d", i, sequence, sequence_count);
    if (i == 0 || sequence != sequences[i - 1]) {
      JG_REQUIRE(i == 0 || sequence > sequences[i - 1],
                 "jg_batch_set: row %d: sequences must be in ascending order", i);
      first = i;
      chain = true;
    }
    const int32_t parent = parents[i];
    JG_REQUIRE(parent == -1 || (parent >= first && parent < i),
               "jg_batch_set: row %d: parent %d; expected -1 or an earlier row of the sequence, "
               "which begins at %d",
               i, parent, first);
    chain = chain && parent == (i == first ? -1 : i - 1);
    JG_REQUIRE(chain || i - first < JG_MAX_TREE,
               "jg_batch_set: row %d: a tree of one sequence has at most %d rows", i, JG_MAX_TREE);
    JG_REQUIRE(tokens[i] >= 0, "jg_batch_set: row %d: token %d", i, tokens[i]);
    const int32_t base = committed[sequence];
    JG_REQUIRE(base >= 0 && base < kMostPositions, "jg_batch_set: sequence %d: %d committed",
               sequence, base);
    const int64_t last_page = (static_cast<int64_t>(base) + (i - first)) / JG_PAGE;
    JG_REQUIRE(last_page < batch->max_pages,
               "jg_batch_set: sequence %d needs page %lld; the batch holds %d", sequence,
               static_cast<long long>(last_page), batch->max_pages);
  }

  // Second pass: `linear` is the number of leading positions whose slot has the same number.
  int32_t tail = 0;
  int32_t* slots = batch->tail_slots.data();
  for (int32_t i = 0; i < rows; i++) {
    if (i == 0 || sequences[i] != sequences[i - 1]) first = i;
    const int32_t base = committed[sequences[i]];
    const int32_t parent = parents[i];
    const int32_t position = parent < 0 ? base : batch->position[parent] + 1;
    const int32_t slot = base + (i - first);
    const int32_t parent_linear = parent < 0 ? base : batch->linear[parent];
    batch->token[i] = tokens[i];
    batch->sequence[i] = sequences[i];
    batch->position[i] = position;
    batch->slot[i] = slot;
    batch->tail_begin[i] = tail;
    if (slot == position && parent_linear == position) {
      batch->linear[i] = position + 1;
      continue;
    }
    batch->linear[i] = parent_linear;
    const int32_t inherited = position - parent_linear;  // ancestors past the linear part
    if (inherited > 0) {
      std::copy_n(slots + batch->tail_begin[parent], inherited, slots + tail);
    }
    tail += inherited;
    slots[tail++] = slot;
  }
  std::copy_n(pages, static_cast<size_t>(sequence_count) * static_cast<size_t>(batch->max_pages),
              batch->pages.data());
  batch->sequence_count = sequence_count;
  batch->view.rows = rows;
  return JG_OK;
}

}  // extern "C"
