// The rows of one forward pass on the host: checked, with position, slot and ancestors derived.
#pragma once

#include <cstdint>
#include <vector>

#include "args.h"

namespace jangle {

// Arrays in one block of memory, which a GPU's library copies to the device as a whole. Order:
// live [1]; sampling [max_sequences]; token, sequence, parent, position, slot, linear, tail_begin,
// each [max_rows]; pages [max_sequences][max_pages]; tail_slots [max_rows * JG_MAX_TREE], of which
// tail_count are in use.
struct BatchRows {
  // Status of the three limits of jg_batch_create.
  static int32_t CheckLimits(int32_t max_rows, int32_t max_sequences, int32_t max_pages);

  BatchRows(int32_t max_rows, int32_t max_sequences, int32_t max_pages);

  // Elements of the block.
  int64_t Ints() const;
  // Lets the arrays lie in `block`, of Ints() elements.
  void Place(int32_t* block);
  // Fills the arrays from the arguments of jg_batch_set_padded; changes nothing where one is wrong.
  int32_t Set(int32_t rows, int32_t padded_rows, const int32_t* tokens, const int32_t* sequences,
              const int32_t* parents, int32_t sequences_used, const int32_t* committed,
              const int32_t* page_tables);
  // Keeps a sequence's sampling for the blocks that Set fills from now on.
  int32_t SetSampling(int32_t of_sequence, float temperature, int32_t top_k, float top_p,
                      float min_p, uint64_t seed);
  // Elements from the block's begin to the end of what is in use.
  int64_t UsedInts() const;
  // The rows as kernels see them in a copy of the block.
  BatchView View(const int32_t* block) const;

  const int32_t max_rows, max_sequences, max_pages;
  int32_t count = 0;  // with those of padding
  int32_t sequence_count = 0;
  int32_t tail_count = 0;
  int32_t* live = nullptr;
  Sampling* sampling = nullptr;
  int32_t* token = nullptr;
  int32_t* sequence = nullptr;
  int32_t* parent = nullptr;
  int32_t* position = nullptr;
  int32_t* slot = nullptr;
  int32_t* linear = nullptr;
  int32_t* tail_begin = nullptr;
  int32_t* pages = nullptr;
  int32_t* tail_slots = nullptr;

 private:
  int32_t CheckRows(int32_t rows, const int32_t* tokens, const int32_t* sequences,
                    const int32_t* parents, int32_t sequences_used, const int32_t* committed,
                    const int32_t* page_tables) const;

  std::vector<Sampling> next_sampling_;
};

}  // namespace jangle
