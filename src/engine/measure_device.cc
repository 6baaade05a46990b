// What a device costs: the engine's ops timed there.
#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>

#include "pema/error.h"
#include "pema/planner.h"
#include "src/engine/device_backend.h"
#include "src/engine/device_memory.h"

namespace pema {
namespace {

using engine::GrowingBlock;
using kernels::cuda::Element;

constexpr std::int64_t kFloat = sizeof(float);
constexpr std::int64_t kRows = 1024;    ///< of the matrix that sums are taken from: like U
constexpr std::int64_t kLaunches = 64;  ///< so many small ones are timed together
constexpr std::int64_t kSums = 32;      ///< of the product that multiplies

/// CSR of `sums` rows that all take rows [0, taken), and their weights.
struct Lists {
  engine::HostLists lists;
  engine::PlacedCsr csr;

  Lists(std::int64_t sums, std::int64_t taken) {
    engine::HostCsr host;
    for (std::int64_t s = 0; s < sums; ++s) {
      for (std::int64_t r = 0; r < taken; ++r) host.add(r, 1.0F);
      host.end_row();
    }
    csr = lists.add(host);
  }
};

/// Everything that is measured with, on one device.
class Bench {
 public:
  Bench(const ModelInfo& model, const DeviceOptions& device)
      : runtime_(engine::open_device(device.number)),
        current_(*runtime_),
        stream_(static_cast<kernels::cuda::Stream>(device.stream)),
        vocab_(model.vocab),
        stride_(engine::padded_width(model.vocab)),
        one_(1, kRows),
        many_(kSums, kRows),
        matrix_(runtime_, GrowingBlock::Place::kDevice),
        sums_(runtime_, GrowingBlock::Place::kDevice),
        one_list_(runtime_, GrowingBlock::Place::kDevice),
        many_list_(runtime_, GrowingBlock::Place::kDevice),
        pinned_(runtime_, GrowingBlock::Place::kPinned) {
    matrix_.reserve(kRows * stride_ * kFloat);
    sums_.reserve(kSums * stride_ * kFloat);
    pinned_.reserve(kSums * stride_ * kFloat);
    runtime_->clear(matrix_.as<void>(), matrix_.bytes(), stream_);
    runtime_->clear(sums_.as<void>(), sums_.bytes(), stream_);
    std::fill_n(pinned_.as<unsigned char>(), pinned_.bytes(), static_cast<unsigned char>(0));
    for (const auto& [lists, block] : {std::pair{&one_, &one_list_}, {&many_, &many_list_}}) {
      block->reserve(lists->lists.bytes());
      runtime_->load(block->as<void>(), lists->lists.data(), lists->lists.bytes());
    }
    runtime_->wait(stream_);
  }

  [[nodiscard]] std::string name() { return runtime_->name(); }

  void copy() { runtime_->upload(sums_.as<void>(), pinned_.as<void>(), copied(), stream_); }
  void launch() {
    for (std::int64_t i = 0; i < kLaunches; ++i) {
      kernels::cuda::rms_norm({{sums_.as<float>(), 1, 4, 4}, sums_.as<float>(), 1.0F}, stream_);
    }
  }
  void read() { sum(one_.csr, one_list_); }
  void multiply() { sum(many_.csr, many_list_); }
  [[nodiscard]] std::int64_t copied() const { return kSums * stride_ * kFloat; }
  [[nodiscard]] std::int64_t bytes_read() const { return kRows * vocab_ * kFloat; }
  [[nodiscard]] std::int64_t multiplies() const { return kSums * kRows * vocab_; }

  /// Seconds until what `queue` queues is done.
  double seconds(const std::function<void()>& queue) {
    const auto start = std::chrono::steady_clock::now();
    queue();
    runtime_->wait(stream_);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  void sum(const engine::PlacedCsr& csr, const GrowingBlock& lists) {
    kernels::cuda::project({{matrix_.as<float>(), Element::kFloat32, kRows, vocab_, stride_, 1},
                            csr.on_device(lists.as<std::byte>()),
                            {sums_.as<float>(), csr.rows, vocab_, stride_},
                            false,
                            {}},
                           stream_);
  }

  std::shared_ptr<engine::Runtime> runtime_;
  kernels::cuda::CurrentDevice current_;
  kernels::cuda::Stream stream_;
  std::int64_t vocab_;
  std::int64_t stride_;
  Lists one_;
  Lists many_;
  GrowingBlock matrix_;
  GrowingBlock sums_;
  GrowingBlock one_list_;
  GrowingBlock many_list_;
  GrowingBlock pinned_;
};

}  // namespace

MeasuredDevice measure_device_costs(const ModelInfo& model, const DeviceOptions& device,
                                    std::int64_t rounds, Progress* progress) {
  PEMA_CHECK(rounds >= 1, kInvalidArgument, "measuring takes at least 1 round, not ", rounds);
  Bench bench(model, device);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  double copy = kNever;
  double launch = kNever;
  double read = kNever;
  double multiply = kNever;
  for (std::int64_t round = 0; round < rounds; ++round) {
    checkpoint(progress, "measuring the device", round, rounds, "rounds");
    copy = std::min(copy, bench.seconds([&] { bench.copy(); }));
    launch = std::min(launch, bench.seconds([&] { bench.launch(); }));
    read = std::min(read, bench.seconds([&] { bench.read(); }));
    multiply = std::min(multiply, bench.seconds([&] { bench.multiply(); }));
  }
  MeasuredDevice found{bench.name(), {}};
  found.costs.launch = launch / static_cast<double>(kLaunches);
  const auto each = [&](double seconds, std::int64_t count) {
    return std::max(0.0, seconds - found.costs.launch) / static_cast<double>(count);
  };
  found.costs.byte_copied = each(copy, bench.copied());
  found.costs.byte_read = each(read, bench.bytes_read());
  found.costs.multiply = each(multiply, bench.multiplies());
  found.costs.measured = true;
  return found;
}

}  // namespace pema
