// The device, and step 4: what a walk computes with. Steps 5 and 6 are in device_steps.cc, 8 in
// device_results.cc.
#include "src/engine/device_backend.h"

#include <utility>

#include "kernels/cuda/launch_plan.h"
#include "pema/error.h"
#include "src/engine/projection.h"

namespace pema::engine {

using kernels::cuda::CurrentDevice;

namespace {

constexpr std::int64_t kDevices = 16;  // what a key of the memory manager can tell apart

std::shared_ptr<Runtime> open(const EngineOptions& options) {
  PEMA_CHECK(options.neglected_mass == 0.0, kUnsupported, "neglected_mass is ",
             options.neglected_mass, ", and a device computes all words; set it to 0");
  return open_device(options.device->number);
}

std::shared_ptr<MemoryManager> manager_of(const EngineOptions& options) {
  PEMA_CHECK(options.device->memory_bytes >= 0, kInvalidArgument, "the device's memory_bytes is ",
             options.device->memory_bytes, "; it must not be negative");
  if (options.memory) {
    PEMA_CHECK(options.memory->stats().device_bytes > 0, kInvalidArgument,
               "the memory manager has no room for a device; set MemoryOptions::device_bytes");
    return options.memory;
  }
  const std::int64_t bytes = options.device->memory_bytes;
  return std::make_shared<MemoryManager>(
      MemoryOptions{.device_bytes = bytes > 0 ? bytes : std::int64_t{1} << 62});
}

}  // namespace

std::shared_ptr<Runtime> open_device(std::int64_t number) {
  PEMA_CHECK(number >= 0 && number < kDevices, kInvalidArgument, "device ", number,
             " is outside of 0 to ", kDevices - 1);
  try {
    return kernels::cuda::open_runtime(static_cast<int>(number));
  } catch (const Error& error) {
    fail(error.code(), "cannot compute on device ", number, ": ", error.what(),
         "; `pema doctor` says what is there, and without a device everything runs on the CPU");
  }
}

DeviceBackend::DeviceBackend(const EngineOptions& options)
    : runtime_(open(options)),
      stream_(static_cast<kernels::cuda::Stream>(options.device->stream)),
      tables_(runtime_, manager_of(options), options.device->number),
      scratch_(runtime_, stream_) {}

DeviceBackend::~DeviceBackend() { abandon(); }

void DeviceBackend::abandon() noexcept {
  try {
    const CurrentDevice current(*runtime_);
    runtime_->wait(stream_);
  } catch (const Error&) {  // whatever comes next will say that the device is lost
  }
  order_ = {};
  composed_.clear();
  pairs_.clear();
  queued_.clear();
  scratch_.release();
  on_device_ = false;
}

void DeviceBackend::use(const DeviceBatch& batch, const DeviceScores& scores) {
  on_device_ = true;
  batch_ = batch;
  wanted_ = scores;
}

template <typename Get>
auto DeviceBackend::leased(const Get& get) {
  try {
    return get();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBusy) throw;
  }
  runtime_->wait(stream_);
  scratch_.release();
  return get();
}

void DeviceBackend::compose(Context& context, Walk& walk) {
  const CurrentDevice current(*runtime_);
  queued_.clear();
  scratch_.begin();
  order_ = order_rows(walk, on_device_);
  lease_tables(context, walk);
  build_lists(walk);
}

void DeviceBackend::lease_tables(Context& context, const Walk& walk) {
  head_.reset();
  for (PoolRows& rows : order_.pools) {
    const Pool& pool = *rows.pool;
    const bool mixture = pool.info().algebra == Algebra::kMixture;
    rows.gain = norm_gain(*context.head, pool.info());
    if (mixture || pool.shared() != nullptr) {
      rows.down = leased([&] { return tables_.latent_rows(pool, false); });
      if (!rows.projected()) rows.up = leased([&] { return tables_.latent_rows(pool, true); });
    }
    if (!rows.projected()) {
      head_ = leased([&] { return tables_.head(context); });
      continue;
    }
    rows.projection = leased([&] { return tables_.projection(context, pool); });
    if (rows.gain.empty()) continue;
    rows.gram = leased([&] { return tables_.gram(context, pool, rows.projection->factors); });
  }
  composed_.clear();
  for (const Group& group : walk.groups) {
    if (group.lease->pool->info().algebra == Algebra::kSeparate && !group.selected.empty()) {
      composed_.push_back(&group);
    }
  }
  pairs_ = leased([&] { return tables_.composed(context, composed_, stream_); });
}

void DeviceBackend::build_lists(const Walk& walk) {
  lists_.clear();
  latents_ = lists_.add(latent_lists(walk, order_));
  std::vector<std::int32_t> places;
  for (const std::int64_t row : walk.row_order) {
    places.push_back(static_cast<std::int32_t>(order_.device_row[static_cast<std::size_t>(row)]));
  }
  places_at_ = lists_.add(places);
  gains_at_.clear();
  for (const PoolRows& rows : order_.pools) gains_at_.push_back(lists_.add(rows.gain));
  tiles_at_.clear();
  tiles_.clear();
  for (const Group* group : composed_) {
    const std::vector<kernels::cuda::RowTile> tiles = kernels::cuda::row_tiles(std::vector{
        static_cast<std::int32_t>(group->begin), static_cast<std::int32_t>(group->end)});
    tiles_at_.push_back(lists_.add(tiles));
    tiles_.push_back(std::ssize(tiles));
  }
}

}  // namespace pema::engine
