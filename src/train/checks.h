/// Checks on what callers hand in; no torch here.
#pragma once

#include <cstdint>
#include <string_view>

#include "pema/train/trainer.h"

namespace pema::train {

/// Throws kInvalidArgument when a pointer is null or the head is not [V, d] with a norm of [d],
/// kMismatch when it is not that of `info`.
void check_base(const Base& base);

/// Throws kMismatch (width), kInvalidArgument (lengths that disagree, a target outside [0, V), a
/// feature that is not finite); `name` says which samples. No rows are allowed.
void check_samples(const Base& base, const Samples& samples, std::string_view name);

/// Throws kMismatch when `block` is not d wide.
void check_width(const Base& base, const AdapterBlock& block, std::string_view name);

/// Throws kInvalidArgument unless low <= value <= high and value is finite.
void check_range(double value, double low, double high, std::string_view field);

}  // namespace pema::train
