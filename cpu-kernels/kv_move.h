// Moves keys and values from slot to slot. Shared by kv_gather.cpp and accept.cpp.
#pragma once

#include <cstdint>
#include <cstring>

#include "submit.h"

namespace jangle {

// In every layer, from slot from[i] to slot to[i], i in [0, count). Both ascend and to[i] <=
// from[i], so nothing is overwritten before it is read.
template <typename Args>
void MoveSlots(jg_context* context, const Args& args, const int32_t* page_table, int64_t count,
               const int32_t* from, const int32_t* to) {
  const int64_t head_bytes = args.head_dim * (args.dtype == JG_F32 ? 4 : 2);
  const int64_t block_bytes = args.kv_heads * JG_PAGE * head_bytes;  // K, or V, of one page
  const auto at = [&](char* layer, int32_t slot) {
    return layer + 2 * block_bytes * page_table[slot / JG_PAGE] + head_bytes * (slot % JG_PAGE);
  };
  const auto move_in_layers = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      char* layer = static_cast<char*>(args.kv_pages) + i * args.layer_bytes;
      for (int64_t j = 0; j < count; j++) {
        if (from[j] == to[j]) continue;
        const char* source = at(layer, from[j]);
        char* target = at(layer, to[j]);
        for (int64_t head = 0; head < 2 * args.kv_heads; head++) {
          std::memcpy(target + head * JG_PAGE * head_bytes, source + head * JG_PAGE * head_bytes,
                      static_cast<size_t>(head_bytes));
        }
      }
    }
  };
  context->pool.Run(args.layers, MinItems(2 * count * args.kv_heads * args.head_dim),
                    move_in_layers);
}

}  // namespace jangle
