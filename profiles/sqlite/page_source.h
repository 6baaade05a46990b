/// Where the pages of a database come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pema::profiles::sqlite {

class PageSource {
 public:
  virtual ~PageSource() = default;
  /// Page `number` (from 1), whole; it lives until the next call. Empty when it cannot be had.
  [[nodiscard]] virtual std::span<const std::byte> page(std::uint32_t number) = 0;

 protected:
  PageSource() = default;
  PageSource(const PageSource&) = default;
  PageSource& operator=(const PageSource&) = default;
  PageSource(PageSource&&) = default;
  PageSource& operator=(PageSource&&) = default;
};

}  // namespace pema::profiles::sqlite
