// MemoryStats as JSON and as Prometheus text (exposition format 0.0.4,
// https://prometheus.io/docs/instrumenting/exposition_formats/). Label values are the fixed names
// of kinds, tiers and causes, which need no escaping.
#include <charconv>
#include <string>

#include "pema/error.h"
#include "pema/memory_manager.h"

namespace pema {
namespace {

constexpr std::array kKindNames = {"pool",    "projection",    "composed", "pool_copy",
                                   "segment", "segment_codes", "index",    "head"};
constexpr std::array kTierNames = {"disk", "ram", "device"};
constexpr std::array kCauseNames = {"room", "budget", "erased"};
static_assert(kKindNames.size() == kMemoryKinds && kTierNames.size() == kMemoryTiers &&
              kCauseNames.size() == kEvictionCauses);

/// The shortest text that reads back as the same number, whatever the locale.
std::string number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

struct Counter {
  const char* name;
  const char* help;
  std::int64_t MemoryKindStats::*value;
};
constexpr std::array kCounters = {
    Counter{"hits", "Requests for an item that was held.", &MemoryKindStats::hits},
    Counter{"misses", "Requests for an item that was not held.", &MemoryKindStats::misses},
    Counter{"loads", "Items loaded or made on request.", &MemoryKindStats::loads},
    Counter{"failed_loads", "Loads that ended in an error.", &MemoryKindStats::failed},
    Counter{"joined_loads", "Requests that waited for somebody else's load.",
            &MemoryKindStats::joined},
    Counter{"refused", "Requests that found no room.", &MemoryKindStats::refused},
    Counter{"prefetched", "Items loaded because they were announced.",
            &MemoryKindStats::prefetched},
    Counter{"kept", "Items taken into the budget.", &MemoryKindStats::kept},
    Counter{"unheld", "Items handed out without being kept.", &MemoryKindStats::unheld},
};

struct Gauge {
  const char* name;
  const char* help;
  std::int64_t MemoryStats::*value;
};
constexpr std::array kGauges = {
    Gauge{"budget_bytes", "Budget of the host.", &MemoryStats::budget_bytes},
    Gauge{"device_budget_bytes", "Budget of the device.", &MemoryStats::device_bytes},
    Gauge{"held_bytes", "Bytes in the host's budget, loads that run included.",
          &MemoryStats::host_held},
    Gauge{"device_held_bytes", "Bytes in the device's budget, loads that run included.",
          &MemoryStats::device_held},
    Gauge{"leased_bytes", "Held bytes that leases keep from leaving.", &MemoryStats::leased},
    Gauge{"erased_leased_bytes", "Held bytes that are erased but still leased.",
          &MemoryStats::erased_leased},
    Gauge{"unheld_bytes", "Bytes in use outside of the budgets.", &MemoryStats::unheld},
    Gauge{"leases", "Leases that are out.", &MemoryStats::leases},
    Gauge{"pinned_items", "Items that are pinned, held or not.", &MemoryStats::pinned},
};

void add_member(std::string& out, const char* name, const std::string& value) {
  if (out.back() != '{') out += ", ";
  out += message('"', name, "\": ", value);
}

std::string histogram_json(const LoadHistogram& histogram) {
  std::string bounds;
  std::string counts;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    if (i > 0) counts += ", ";
    counts += std::to_string(histogram.counts[i]);
    if (i == LoadHistogram::kBounds.size()) break;
    bounds += (i > 0 ? ", " : "") + number(LoadHistogram::kBounds[i]);
  }
  return message("{\"bounds\": [", bounds, "], \"counts\": [", counts,
                 "], \"sum\": ", number(histogram.sum), "}");
}

std::string kind_json(const MemoryKindStats& kind) {
  std::string out = "{";
  for (const Counter& counter : kCounters) {
    add_member(out, counter.name, std::to_string(kind.*counter.value));
  }
  add_member(out, "items", std::to_string(kind.items));
  std::string causes = "{";
  for (std::size_t c = 0; c < kEvictionCauses; ++c) {
    add_member(causes, kCauseNames[c], std::to_string(kind.evictions[c]));
  }
  add_member(out, "evictions", causes + "}");
  std::string tiers = "{";
  for (std::size_t t = 0; t < kMemoryTiers; ++t) {
    add_member(tiers, kTierNames[t], std::to_string(kind.bytes[t]));
  }
  add_member(out, "bytes", tiers + "}");
  add_member(out, "load_seconds", histogram_json(kind.load_seconds));
  return out + "}";
}

void head(std::string& out, const std::string& name, const char* help, const char* type) {
  out += message("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

void histogram_series(std::string& out, const std::string& name, const char* kind,
                      const LoadHistogram& histogram) {
  std::int64_t below = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    below += histogram.counts[i];
    const bool last = i == LoadHistogram::kBounds.size();
    out += message(name, "_bucket{kind=\"", kind, "\",le=\"",
                   last ? "+Inf" : number(LoadHistogram::kBounds[i]), "\"} ", below, "\n");
  }
  out += message(name, "_sum{kind=\"", kind, "\"} ", number(histogram.sum), "\n");
  out += message(name, "_count{kind=\"", kind, "\"} ", below, "\n");
}

}  // namespace

std::string_view to_string(MemoryKind kind) noexcept {
  return kKindNames[static_cast<std::size_t>(kind)];
}
std::string_view to_string(MemoryTier tier) noexcept {
  return kTierNames[static_cast<std::size_t>(tier)];
}
std::string_view to_string(EvictionCause cause) noexcept {
  return kCauseNames[static_cast<std::size_t>(cause)];
}

std::string to_json(const MemoryStats& stats) {
  std::string out = "{";
  for (const Gauge& gauge : kGauges) {
    add_member(out, gauge.name, std::to_string(stats.*gauge.value));
  }
  std::string kinds = "{";
  for (std::size_t k = 0; k < kMemoryKinds; ++k) {
    add_member(kinds, kKindNames[k], kind_json(stats.kinds[k]));
  }
  add_member(out, "kinds", kinds + "}");
  return out + "}";
}

std::string to_prometheus(const MemoryStats& stats) {
  std::string out;
  for (const Gauge& gauge : kGauges) {
    const std::string name = message("pema_memory_", gauge.name);
    head(out, name, gauge.help, "gauge");
    out += message(name, " ", stats.*gauge.value, "\n");
  }
  for (const Counter& counter : kCounters) {
    const std::string name = message("pema_memory_", counter.name, "_total");
    head(out, name, counter.help, "counter");
    for (std::size_t k = 0; k < kMemoryKinds; ++k) {
      out += message(name, "{kind=\"", kKindNames[k], "\"} ", stats.kinds[k].*counter.value, "\n");
    }
  }
  head(out, "pema_memory_evictions_total", "Items that left, by cause.", "counter");
  for (std::size_t k = 0; k < kMemoryKinds; ++k) {
    for (std::size_t c = 0; c < kEvictionCauses; ++c) {
      out += message("pema_memory_evictions_total{kind=\"", kKindNames[k], "\",cause=\"",
                     kCauseNames[c], "\"} ", stats.kinds[k].evictions[c], "\n");
    }
  }
  head(out, "pema_memory_items", "Items held.", "gauge");
  for (std::size_t k = 0; k < kMemoryKinds; ++k) {
    out += message("pema_memory_items{kind=\"", kKindNames[k], "\"} ", stats.kinds[k].items, "\n");
  }
  head(out, "pema_memory_bytes", "Bytes of the items held, by tier.", "gauge");
  for (std::size_t k = 0; k < kMemoryKinds; ++k) {
    for (std::size_t t = 0; t < kMemoryTiers; ++t) {
      out += message("pema_memory_bytes{kind=\"", kKindNames[k], "\",tier=\"", kTierNames[t],
                     "\"} ", stats.kinds[k].bytes[t], "\n");
    }
  }
  head(out, "pema_memory_load_seconds", "Time that loads took.", "histogram");
  for (std::size_t k = 0; k < kMemoryKinds; ++k) {
    histogram_series(out, "pema_memory_load_seconds", kKindNames[k], stats.kinds[k].load_seconds);
  }
  return out;
}

}  // namespace pema
