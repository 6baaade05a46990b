/// Writing very many profiles.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "pema/store.h"

namespace pema {

struct BulkOptions {
  /// Drafts are gathered up to so many bytes and written in one transaction; the more, the fewer
  /// pages are written more than once. A profile of 64 bytes of masks takes about 170.
  std::int64_t buffer_bytes = std::int64_t{256} << 20;
  OnExisting on_existing = OnExisting::kRefuse;
};

/// Gathers drafts and writes them in large transactions, sorted. Each commit is atomic and durable;
/// an interruption keeps what was committed. The store may be used for other things in between, by
/// the same thread. Thread-safety: as the Store.
class BulkEnrolment {
 public:
  /// The store must outlive the object. Throws kIo when it was opened read-only.
  explicit BulkEnrolment(Store& store, const BulkOptions& options = {});
  /// Drops what waits.
  ~BulkEnrolment();
  BulkEnrolment(BulkEnrolment&&) noexcept;
  BulkEnrolment& operator=(BulkEnrolment&&) noexcept;
  BulkEnrolment(const BulkEnrolment&) = delete;
  BulkEnrolment& operator=(const BulkEnrolment&) = delete;

  /// Checks and takes a draft, and commits when the buffer is full. Throws as Store::put_profile
  /// for a bad draft, which alone is then left out, and as commit.
  void add(const ProfileDraft& draft);
  void add(std::span<const ProfileDraft> drafts);
  /// Writes all that waits in one transaction. When it throws (kAlreadyExists, kDiskFull, kBusy,
  /// kIo), nothing of it is stored, and it waits no more.
  void commit();

  /// Profiles that are stored for good.
  [[nodiscard]] std::int64_t acknowledged() const noexcept;
  [[nodiscard]] std::int64_t waiting() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema
