#include "tests/cuda/emulated_runtime.h"

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "kernels/cuda/runtime.h"
#include "pema/error.h"
#include "tests/simt/emulated_buffer.h"

namespace pema::test {
namespace {

using kernels::cuda::Fence;
using kernels::cuda::RowCopy;
using kernels::cuda::Runtime;
using kernels::cuda::Stream;

using Buffer = simt::EmulatedBuffer<unsigned char>;
using Blocks = std::map<const unsigned char*, Buffer>;

constexpr int kDevices = 2;

/// A copy that the device may not have done yet. An upload lands at once, because kernels run at
/// once, and its source is compared when it is known to be read; a download lands then.
struct Flight {
  std::int64_t number = 0;
  unsigned char* pinned = nullptr;
  const unsigned char* from = nullptr;  ///< of a download
  std::vector<unsigned char> bytes;     ///< of an upload
  std::int64_t size = 0;
};

struct State {
  EmulatedDevice device;
  Blocks memory;
  Blocks pinned;
  std::vector<Flight> flights;
  std::int64_t queued = 0;
  int current = 0;
};

State& state() {
  static State one;
  return one;
}

bool inside(const Blocks& blocks, const void* at, std::int64_t bytes) {
  const auto* const begin = static_cast<const unsigned char*>(at);
  auto found = blocks.upper_bound(begin);
  if (found == blocks.begin()) return false;
  --found;
  return begin + bytes <= found->first + found->second.size();
}

void breach(bool is) { state().device.breaches += is ? 1 : 0; }

void call() {
  std::int64_t& left = state().device.calls_left;
  if (left < 0 || state().device.refuse_memory) return;
  if (left > 0) {
    --left;
    return;
  }
  fail(ErrorCode::kIo, "the device refused everything: it is lost");
}

void call_for_memory() {
  std::int64_t& left = state().device.calls_left;
  if (!state().device.refuse_memory || left < 0) return call();
  if (left-- > 0) return;
  fail(ErrorCode::kOverBudget, "the device refused memory");
}

/// Everything up to `number` is done.
void land(std::int64_t number) {
  std::vector<Flight> rest;
  for (Flight& flight : state().flights) {
    if (flight.number > number) {
      rest.push_back(std::move(flight));
    } else if (flight.from != nullptr) {
      std::memcpy(flight.pinned, flight.from, static_cast<std::size_t>(flight.size));
    } else {
      breach(std::memcmp(flight.pinned, flight.bytes.data(), flight.bytes.size()) != 0);
    }
  }
  state().flights = std::move(rest);
}

class EmulatedFence : public Fence {
 public:
  void record(Stream /*stream*/) override {
    call();
    number_ = state().queued;
  }
  void wait() override {
    call();
    for (const Flight& flight : state().flights) {
      if (flight.number <= number_) {
        ++state().device.fence_waits;
        break;
      }
    }
    land(number_);
  }

 private:
  std::int64_t number_ = 0;
};

class EmulatedRuntime : public Runtime {
 public:
  explicit EmulatedRuntime(int number) : number_(number) {}

  std::string name() override { return "emulated device"; }
  void* allocate(std::int64_t bytes) override {
    call_for_memory();
    EmulatedDevice& device = state().device;
    PEMA_CHECK(bytes > 0 && device.live_bytes + bytes <= device.capacity, kOverBudget,
               "the device has no room for ", bytes, " bytes");
    ++device.allocations;
    device.live_bytes += bytes;
    return add(state().memory, bytes);
  }
  void free(void* at) noexcept override {
    const auto found = state().memory.find(static_cast<unsigned char*>(at));
    breach(found == state().memory.end());
    if (found == state().memory.end()) return;
    state().device.live_bytes -= found->second.size();
    land(state().queued);  // as cudaFree does
    state().memory.erase(found);
    --state().device.live;
  }
  void* allocate_pinned(std::int64_t bytes) override {
    call_for_memory();
    ++state().device.pinned;
    return add(state().pinned, bytes);
  }
  void free_pinned(void* at) noexcept override {
    const auto* const begin = static_cast<unsigned char*>(at);
    const auto found = state().pinned.find(begin);
    breach(found == state().pinned.end());
    if (found == state().pinned.end()) return;
    for (const Flight& flight : state().flights) {
      breach(flight.pinned >= begin && flight.pinned < begin + found->second.size());
    }
    state().pinned.erase(found);
    --state().device.live;
  }

  void load(void* to, const void* from, std::int64_t bytes) override {
    call();
    ++state().device.loads;
    breach(!inside(state().memory, to, bytes));
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }
  void upload(void* to, const void* pinned, std::int64_t bytes, Stream /*stream*/) override {
    call();
    ++state().device.uploads;
    breach(!inside(state().memory, to, bytes) || !inside(state().pinned, pinned, bytes));
    std::memcpy(to, pinned, static_cast<std::size_t>(bytes));
    const auto* const from = static_cast<const unsigned char*>(pinned);
    state().flights.push_back({++state().queued, const_cast<unsigned char*>(from), nullptr,
                               std::vector<unsigned char>(from, from + bytes), bytes});
  }
  void download(void* pinned, const void* from, std::int64_t bytes, Stream /*stream*/) override {
    call();
    ++state().device.downloads;
    breach(!inside(state().pinned, pinned, bytes));
    state().flights.push_back({++state().queued,
                               static_cast<unsigned char*>(pinned),
                               static_cast<const unsigned char*>(from),
                               {},
                               bytes});
  }
  void copy_rows(const RowCopy& copy, Stream /*stream*/) override {
    call();
    for (std::int64_t row = 0; row < copy.rows; ++row) {
      std::memmove(copy.to + row * copy.to_stride, copy.from + row * copy.from_stride,
                   static_cast<std::size_t>(copy.cols) * sizeof(float));
    }
  }
  void clear(void* at, std::int64_t bytes, Stream /*stream*/) override {
    call();
    breach(!inside(state().memory, at, bytes));
    std::memset(at, 0, static_cast<std::size_t>(bytes));
  }

  std::unique_ptr<Fence> make_fence() override { return std::make_unique<EmulatedFence>(); }
  void wait(Stream /*stream*/) override {
    call();
    ++state().device.waits;
    land(state().queued);
  }

  int make_current() override { return std::exchange(state().current, number_); }
  void restore(int previous) noexcept override { state().current = previous; }

 private:
  static void* add(Blocks& blocks, std::int64_t bytes) {
    Buffer buffer("the engine's", bytes);
    auto* const at = buffer.data();
    blocks.emplace(at, std::move(buffer));
    ++state().device.live;
    return at;
  }
  int number_;
};

}  // namespace

EmulatedDevice& emulated_device() { return state().device; }

void reset_emulated_device() {
  const std::int64_t live = state().device.live;
  const std::int64_t live_bytes = state().device.live_bytes;
  state().device = {};
  state().device.live = live;
  state().device.live_bytes = live_bytes;
}

}  // namespace pema::test

namespace pema::kernels::cuda {

std::shared_ptr<Runtime> open_runtime(int number) {
  PEMA_CHECK(number < test::kDevices, kNotFound, "there is no device ", number);
  return std::make_shared<test::EmulatedRuntime>(number);
}

}  // namespace pema::kernels::cuda
