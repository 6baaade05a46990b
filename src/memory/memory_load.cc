#include "src/memory/memory_load.h"

#include <utility>

#include "pema/error.h"

namespace pema::memory {

using Clock = std::chrono::steady_clock;

namespace {

std::string described(const MemoryKey& key) {
  return message("the ", to_string(key.kind), " ", key.digest.short_hex(),
                 key.on_device ? " on the device" : "");
}

void check_fits(const Room& room, const MemoryKey& key, std::int64_t bytes) {
  PEMA_CHECK(bytes <= room.budget, kOverBudget, described(key), " takes ", bytes,
             " bytes, the whole budget is ", room.budget, "; raise it by at least ",
             bytes - room.budget, " bytes");
}

[[noreturn]] void refuse(const Room& room, const MemoryKey& key, std::int64_t bytes) {
  fail(ErrorCode::kBusy, described(key), " takes ", bytes, " bytes; leases and pins hold ",
       room.held - room.idle_bytes, " of the ", room.budget,
       " of the budget; release some and try again, or raise it");
}

/// One load from its first byte reserved to its end. Made by the thread that loads.
class Load {
 public:
  Load(BookKeeping& books, std::condition_variable& changed, Lock& lock,
       const MemoryRequest& request)
      : books_(books), changed_(changed), lock_(lock), request_(request) {
    books_.pending.emplace(request.key, pending_);
  }
  /// The item with one lease. Throws what goes wrong, after telling those who wait.
  std::shared_ptr<Item> run(std::chrono::milliseconds patience, Garbage& garbage) {
    try {
      if (request_.on_no_room == OnNoRoom::kRefuse) reserve(patience, garbage);
      auto [loaded, seconds] = unlocked();
      settle(make_item(request_.key, std::move(loaded), seconds), garbage);
    } catch (...) {
      if (!lock_.owns_lock()) lock_.lock();
      books_.unreserve(request_.key, reserved_);
      pending_->error = std::current_exception();
      finish();
      throw;
    }
    finish();
    return pending_->item;
  }

 private:
  /// Smaller items pass while this waits.
  void reserve(std::chrono::milliseconds patience, Garbage& garbage) {
    const Room& room = books_.room_of(request_.key);
    const auto end = Clock::now() + patience;
    const auto fits = [&] {
      return books_.reserve(request_.key, request_.bytes, 0, Claim::kAlways, garbage);
    };
    try {
      check_fits(room, request_.key, request_.bytes);
      while (!fits()) {
        check_fits(room, request_.key, request_.bytes);  // the budget may have changed
        if (changed_.wait_until(lock_, end) == std::cv_status::timeout) {
          if (fits()) break;
          refuse(room, request_.key, request_.bytes);
        }
      }
    } catch (...) {
      ++books_.of(request_.key.kind).refused;
      throw;
    }
    reserved_ = request_.bytes;
  }

  std::pair<LoadedMemory, double> unlocked() {
    lock_.unlock();
    try {
      auto result = load_now(request_);
      lock_.lock();
      books_.count_load(request_.key, result.first.bytes, result.second, false);
      return result;
    } catch (...) {
      lock_.lock();
      ++books_.of(request_.key.kind).failed;
      throw;
    }
  }

  void settle(const std::shared_ptr<Item>& item, Garbage& garbage) {
    if (request_.on_no_room == OnNoRoom::kServeUnheld) {
      keep_or_serve(books_, item, !pending_->erased, garbage);
    } else {
      const std::int64_t missing = item->loaded.bytes - reserved_;
      Room& room = books_.room_of(item->key);
      if (missing > 0 && !books_.reserve(item->key, missing, 0, Claim::kAlways, garbage)) {
        garbage.push_back(std::move(item->loaded.value));
        check_fits(room, item->key, item->loaded.bytes);
        refuse(room, item->key, item->loaded.bytes);
      }
      if (missing < 0) books_.unreserve(item->key, -missing);
      reserved_ = 0;
      if (pending_->erased) {
        books_.keep_erased(*item);
      } else {
        books_.keep(item);
      }
      books_.lease(*item);
    }
    pending_->item = item;
  }

  void finish() {
    pending_->done = true;
    // Each of them finds its lease ready: the first to let go could otherwise be the last.
    for (; pending_->item && pending_->waiting > 0; --pending_->waiting) {
      books_.lease(*pending_->item);
    }
    const auto found = books_.pending.find(request_.key);
    if (found != books_.pending.end() && found->second == pending_) books_.pending.erase(found);
    changed_.notify_all();
  }

  BookKeeping& books_;
  std::condition_variable& changed_;
  Lock& lock_;
  const MemoryRequest& request_;
  std::int64_t reserved_ = 0;
  std::shared_ptr<Pending> pending_ = std::make_shared<Pending>();
};

}  // namespace

std::pair<LoadedMemory, double> load_now(const MemoryRequest& request) {
  const auto begin = Clock::now();
  LoadedMemory loaded = request.load();
  const double seconds =
      loaded.seconds.value_or(std::chrono::duration<double>(Clock::now() - begin).count());
  PEMA_CHECK(loaded.value != nullptr && loaded.bytes >= 0 && loaded.code_bytes >= 0 &&
                 loaded.code_bytes <= loaded.bytes &&
                 (loaded.tier == MemoryTier::kDevice) == request.key.on_device,
             kInvalidArgument, "the loader of ", described(request.key), " gave ",
             loaded.value ? "" : "nothing and ", loaded.bytes, " bytes (codes: ", loaded.code_bytes,
             ") on tier ", to_string(loaded.tier));
  return {std::move(loaded), seconds};
}

std::shared_ptr<Item> make_item(const MemoryKey& key, LoadedMemory loaded, double seconds) {
  auto item = std::make_shared<Item>();
  item->key = key;
  item->loaded = std::move(loaded);
  item->seconds = seconds;
  return item;
}

void keep_or_serve(BookKeeping& books, const std::shared_ptr<Item>& item, bool keep,
                   Garbage& garbage) {
  item->unheld = !keep || !books.reserve(item->key, item->loaded.bytes, item->seconds,
                                         Claim::kWhenWorthIt, garbage);
  if (item->unheld) {
    ++books.of(item->key.kind).unheld;
  } else {
    books.keep(item);
  }
  books.lease(*item);
}

std::shared_ptr<Item> load_item(MemoryManager::State& state, Lock& lock,
                                const MemoryRequest& request, Garbage& garbage) {
  return Load(state.books, state.changed, lock, request).run(state.patience, garbage);
}

}  // namespace pema::memory
