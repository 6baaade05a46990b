#include "pema/bulk_enrolment.h"

#include <span>
#include <utility>
#include <vector>

#include "pema/error.h"
#include "profiles/profile_batch.h"
#include "profiles/sql/transaction.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

/// What a draft with own segments is counted as; its segments are the caller's.
constexpr std::int64_t kDraftBytes = 4096;

}  // namespace

struct BulkEnrolment::Impl {
  Impl(Store::Impl& given_store, const BulkOptions& given)
      : store(given_store), options(given), batch(given_store.registry) {}

  Store::Impl& store;
  profiles::Registry& registry = store.registry;
  BulkOptions options;
  profiles::ProfileBatch batch;
  // Drafts whose own segments are stored with them, and their places among all.
  std::vector<ProfileDraft> with_segments;
  std::vector<std::int64_t> places;
  std::vector<Digest> masks;  ///< that replaced profiles had, for the store's listener
  std::int64_t acknowledged = 0;

  [[nodiscard]] std::int64_t waiting() const noexcept {
    return batch.size() + std::ssize(with_segments);
  }

  [[nodiscard]] std::int64_t bytes() const noexcept {
    return batch.bytes() + std::ssize(with_segments) * kDraftBytes;
  }

  void forget() noexcept {
    batch.clear();
    with_segments.clear();
    places.clear();
    masks.clear();
  }

  void commit() {
    try {
      registry.put_own_segment_objects(with_segments);
      const std::int64_t gathered = batch.size();
      registry.write([&] {
        batch.shrink(gathered);
        const std::unique_ptr<profiles::sql::Transaction> new_keys = registry.begin_keys();
        for (std::size_t i = 0; i < places.size(); ++i) batch.add(with_segments[i], places[i]);
        batch.write(options.on_existing);
        static_cast<void>(registry.note(AuditKind::kEnrolled, batch.size()));
        if (new_keys != nullptr) new_keys->commit();
      });
      static_cast<void>(registry.take_sealed_objects());
    } catch (...) {
      registry.drop_own_segment_objects(with_segments);
      forget();
      batch.forget();
      throw;
    }
    acknowledged += batch.size();
    const std::vector<Digest> replaced = std::exchange(masks, {});
    forget();
    store.finish_write(replaced);
  }
};

BulkEnrolment::BulkEnrolment(Store& store, const BulkOptions& options)
    : impl_(std::make_unique<Impl>(*store.impl_, options)) {
  PEMA_CHECK(options.buffer_bytes > 0, kInvalidArgument, "a buffer of ", options.buffer_bytes,
             " bytes holds no profile");
  impl_->registry.require(Role::kEnrol);
}

BulkEnrolment::~BulkEnrolment() = default;
BulkEnrolment::BulkEnrolment(BulkEnrolment&&) noexcept = default;
BulkEnrolment& BulkEnrolment::operator=(BulkEnrolment&&) noexcept = default;

void BulkEnrolment::add(const ProfileDraft& draft) {
  for (const Digest& mask : impl_->store.masks_before(std::span(&draft, 1))) {
    impl_->masks.push_back(mask);
  }
  if (draft.own_segments.empty()) {
    impl_->batch.add(draft, waiting());
  } else {
    impl_->places.push_back(waiting());
    impl_->with_segments.push_back(draft);
  }
  if (impl_->bytes() >= impl_->options.buffer_bytes) commit();
}

void BulkEnrolment::add(std::span<const ProfileDraft> drafts) {
  for (const ProfileDraft& draft : drafts) add(draft);
}

void BulkEnrolment::commit() {
  if (impl_->waiting() > 0) impl_->commit();
}

std::int64_t BulkEnrolment::acknowledged() const noexcept { return impl_->acknowledged; }
std::int64_t BulkEnrolment::waiting() const noexcept { return impl_->waiting(); }

}  // namespace pema
