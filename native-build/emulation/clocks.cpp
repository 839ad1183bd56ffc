#include "clocks.h"

#include <algorithm>

namespace jangle::emulation {

void Clocks::BeginLaunch(int threads) {
  count_ = threads;
  first_run_ = run_ + 1;
  blocks_.clear();
  threads_.clear();
  vectors_.clear();
  references_.clear();
  unused_.clear();
  NewVector();
  places_.clear();
  device_places_.clear();
  lists_.assign(1, {});
}

void Clocks::BeginBlock(uint3 block) {
  run_++;
  next_step_id_ = 0;
  blocks_.push_back(block);
  shared_places_.clear();
  for (const Thread& thread : threads_) {
    Drop(thread.known);
    for (const Snapshot& fence : {thread.device_fence, thread.block_fence}) {
      if (fence.step != 0) Drop(fence.known);
    }
  }
  threads_.assign(static_cast<size_t>(count_), {});
  for (Thread& thread : threads_) {
    thread.step_id = ++next_step_id_;
    Hold(0);
  }
}

uint32_t Clocks::NewVector() {
  if (!unused_.empty()) {
    const uint32_t vector = unused_.back();
    unused_.pop_back();
    std::fill_n(vectors_[vector].get(), count_, 0u);
    return vector;
  }
  vectors_.push_back(std::make_unique<uint32_t[]>(static_cast<size_t>(count_)));
  references_.push_back(0);
  return static_cast<uint32_t>(vectors_.size() - 1);
}

void Clocks::Drop(uint32_t vector) {
  if (--references_[vector] == 0 && vector != 0) unused_.push_back(vector);
}

void Clocks::NextStep(Thread& thread) {
  thread.step++;
  thread.step_id = ++next_step_id_;
}

void Clocks::Join(const int* threads, int count) {
  const uint32_t joined = NewVector();
  uint32_t* all = vectors_[joined].get();
  uint32_t before = joined;
  uint32_t acquired = 0;
  for (int i = 0; i < count; i++) {
    const Thread& thread = threads_[static_cast<size_t>(threads[i])];
    if (thread.known != before) {
      before = thread.known;
      const uint32_t* known = Known(before);
      for (int t = 0; t < count_; t++) all[t] = std::max(all[t], known[t]);
    }
    acquired = Union(acquired, thread.acquired);
  }
  for (int i = 0; i < count; i++) {
    Thread& thread = threads_[static_cast<size_t>(threads[i])];
    all[threads[i]] = thread.step;
    Hold(joined);
    Drop(thread.known);
    thread.known = joined;
    thread.acquired = acquired;
    NextStep(thread);
  }
}

void Clocks::Fence(int thread, bool whole_device) {
  Thread& mine = threads_[static_cast<size_t>(thread)];
  mine.acquired = Union(mine.acquired, whole_device ? mine.pending : WithinBlock(mine.pending));
  if (whole_device) mine.pending = 0;
  const auto keep = [&](Snapshot& fence) {
    Hold(mine.known);
    if (fence.step != 0) Drop(fence.known);
    fence = {mine.known, mine.acquired, mine.step};
  };
  keep(mine.block_fence);
  if (whole_device) keep(mine.device_fence);
  NextStep(mine);
}

void Clocks::Atomic(int thread, uintptr_t address, bool shared) {
  Thread& mine = threads_[static_cast<size_t>(thread)];
  auto& places = shared ? shared_places_ : device_places_;
  auto found = places.find(address);
  if (found == places.end()) {
    if (mine.block_fence.step == 0) return;
    found = places.emplace(address, static_cast<uint32_t>(places_.size())).first;
    places_.emplace_back();
  }
  std::vector<Release>& releases = places_[found->second];
  if (!releases.empty()) {
    lists_.push_back({{{found->second, static_cast<uint32_t>(releases.size()), true}}});
    mine.pending = Union(mine.pending, static_cast<uint32_t>(lists_.size() - 1));
  }
  const auto release = [&](const Snapshot& fence, bool whole_device) {
    if (fence.step == 0) return;
    Hold(fence.known);
    releases.push_back({run_, static_cast<uint32_t>(thread), whole_device, fence});
  };
  release(mine.device_fence, true);
  if (mine.block_fence.step != mine.device_fence.step) release(mine.block_fence, false);
}

// Looks at a list's releases, and at the lists that were held where those were made. Not by calls
// of itself: a thread's stack is small, and the way may lead through all blocks.
bool Clocks::Acquired(uint32_t list, const Stamp& access) {
  const uint64_t question = ++questions_;
  to_look_at_.assign(1, {list, run_});
  while (!to_look_at_.empty()) {
    const Held held = to_look_at_.back();
    to_look_at_.pop_back();
    if (lists_[held.list].question == question) continue;
    lists_[held.list].question = question;
    for (const Learnt& learnt : lists_[held.list].learnt) {
      const std::vector<Release>& releases = places_[learnt.place];
      for (uint32_t i = 0; i < learnt.count; i++) {
        const Release& release = releases[i];
        if (!(release.whole_device && learnt.whole_device) && release.run != held.run) continue;
        if (release.run == access.run &&
            (release.thread == access.thread
                 ? access.step <= release.snapshot.step
                 : Known(release.snapshot.known)[access.thread] >= access.step)) {
          return true;
        }
        if (release.snapshot.acquired != 0) {
          to_look_at_.push_back({release.snapshot.acquired, release.run});
        }
      }
    }
  }
  return false;
}

uint32_t Clocks::Union(uint32_t a, uint32_t b) {
  if (a == b || b == 0) return a;
  if (a == 0) return b;
  std::vector<Learnt> both = lists_[a].learnt;
  for (const Learnt& learnt : lists_[b].learnt) {
    const auto same = std::find_if(both.begin(), both.end(), [&](const Learnt& other) {
      return other.place == learnt.place && other.whole_device == learnt.whole_device;
    });
    if (same == both.end()) {
      both.push_back(learnt);
    } else {
      same->count = std::max(same->count, learnt.count);
    }
  }
  lists_.push_back({std::move(both)});
  return static_cast<uint32_t>(lists_.size() - 1);
}

uint32_t Clocks::WithinBlock(uint32_t list) {
  if (list == 0) return 0;
  std::vector<Learnt> learnt = lists_[list].learnt;
  for (Learnt& each : learnt) each.whole_device = false;
  lists_.push_back({std::move(learnt)});
  return static_cast<uint32_t>(lists_.size() - 1);
}

}  // namespace jangle::emulation
