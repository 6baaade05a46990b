// Warp operations: a lane waits until every lane of its mask has come with the same operation.
#include <array>

#include "tests/simt/block.h"
#include "tests/simt/trace_state.h"

namespace simt::detail {

namespace {

const char* name_of(WarpOp op) {
  constexpr std::array<const char*, 8> kNames = {
      "__syncwarp",  "__ballot_sync",  "__any_sync",       "__all_sync",
      "__shfl_sync", "__shfl_up_sync", "__shfl_down_sync", "__shfl_xor_sync"};
  return kNames[static_cast<std::size_t>(op)];
}

std::string hex(unsigned mask) {
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) {
    text[7 - i] = "0123456789abcdef"[mask >> (4 * i) & 15U];
  }
  return text;
}

bool is_shuffle(WarpOp op) { return op >= WarpOp::kShfl; }

/// The lane a shuffle reads; its own when the source is outside of its part of `width` lanes.
unsigned source_lane(const WarpRequest& request, unsigned lane) {
  const auto width = static_cast<unsigned>(request.width);
  const auto argument = static_cast<unsigned>(request.argument);
  const unsigned first = lane & ~(width - 1);
  switch (request.op) {
    case WarpOp::kShfl:
      return first + (argument & (width - 1));
    case WarpOp::kShflUp:
      return argument <= lane - first ? lane - argument : lane;
    case WarpOp::kShflDown:
      return argument < first + width - lane ? lane + argument : lane;
    default: {
      const unsigned source = lane ^ argument;
      return source < first + width ? source : lane;
    }
  }
}

bool agree(const WarpRequest& a, const WarpRequest& b) {
  return a.op == b.op && a.mask == b.mask && a.width == b.width && a.site.line == b.site.line &&
         std::strcmp(a.site.file, b.site.file) == 0;
}

void check_alone(const WarpRequest& request) {
  const Block& block = block_state;
  const std::string operation = name_of(request.op);
  if ((request.mask >> block.lane() & 1U) == 0) {
    breach(operation + " by a lane outside of its mask " + hex(request.mask), request.site);
  }
  if ((request.mask & ~block.lanes(block.warp())) != 0) {
    breach(operation + " with a mask " + hex(request.mask) +
               " that names absent lanes; the warp has " + hex(block.lanes(block.warp())),
           request.site);
  }
  if (request.width < 1 || request.width > 32 || (request.width & (request.width - 1)) != 0) {
    breach(operation + " with a width of " + std::to_string(request.width), request.site);
  }
}

/// The lanes that wait for the same as request. Breach when two lanes wait for each other in
/// different operations; a lane that waits for others first may still come.
unsigned lanes_that_agree(const WarpRequest& request) {
  const Block& block = block_state;
  const unsigned warp = block.warp();
  unsigned agreeing = 0;
  for (unsigned rest = block.waiting[warp] & request.mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const WarpRequest& other = block.threads[warp * 32 + lane].request;
    if (agree(request, other)) {
      agreeing |= 1U << lane;
    } else if ((other.mask >> block.lane() & 1U) != 0) {
      breach(std::string("lanes of one mask disagree: ") + name_of(request.op) + " with mask " +
                 hex(request.mask) + ", while lane " + std::to_string(lane) + " is in " +
                 name_of(other.op) + " with mask " + hex(other.mask) + " at " +
                 describe(other.site),
             request.site);
    }
  }
  return agreeing;
}

/// Every lane of the mask is here: gives each its result.
void complete(unsigned warp, unsigned mask) {
  Block& block = block_state;
  std::array<std::uint64_t, 32> values{};
  std::uint64_t ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1U) != 0) {
      values[lane] = block.threads[warp * 32 + lane].request.value;
      ballot |= (values[lane] & 1U) << lane;
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1U) == 0) {
      continue;
    }
    Thread& thread = block.threads[warp * 32 + lane];
    if (is_shuffle(thread.request.op)) {
      const unsigned source = source_lane(thread.request, lane);
      if ((mask >> source & 1U) == 0) {
        block.running = warp * 32 + lane;
        breach(std::string(name_of(thread.request.op)) + " reads lane " + std::to_string(source) +
                   ", which is outside of the mask " + hex(mask),
               thread.request.site);
      }
      thread.request.value = values[source];
    } else {
      thread.request.value = ballot;
    }
    thread.state = State::kReady;
  }
  block.waiting[warp] &= ~mask;
}

}  // namespace

std::string describe_warp_wait(unsigned warp) {
  const Block& block = block_state;
  const unsigned waiting = block.waiting[warp];
  const auto lane = static_cast<unsigned>(__builtin_ctz(waiting));
  const WarpRequest& request = block.threads[warp * 32 + lane].request;
  unsigned arrived = 0;
  for (unsigned other = 0; other < 32; ++other) {
    const bool here = (waiting & request.mask) >> other & 1U;
    arrived |= (here && agree(request, block.threads[warp * 32 + other].request) ? 1U : 0U)
               << other;
  }
  return "warp " + std::to_string(warp) + " in " + name_of(request.op) + " at " +
         describe(request.site) + ", mask " + hex(request.mask) + " arrived " + hex(arrived);
}

std::uint64_t warp_exchange(WarpOp op, unsigned mask, std::uint64_t value, int argument, int width,
                            Site site) {
  Block& block = block_state;
  Thread& self = block.self();
  const WarpRequest request{op, mask, argument, width, site, value};
  check_alone(request);
  const unsigned arrived = lanes_that_agree(request) | 1U << block.lane();
  self.request = request;
  const unsigned warp = block.warp();
  block.waiting[warp] |= 1U << block.lane();
  if (arrived == mask) {
    complete(warp, mask);
    trace_warp_operation(warp, mask, op == WarpOp::kSync);
  } else {
    self.state = State::kInWarp;
    Fiber::leave();
  }
  return self.request.value;
}

}  // namespace simt::detail
