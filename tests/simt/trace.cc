#include "tests/simt/trace.h"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstdio>
#include <stdexcept>

#include "tests/simt/races.h"
#include "tests/simt/traffic.h"

namespace simt {

struct Trace::State {
  struct Place {
    const void* pc;
    detail::Site site;  ///< file is null where only the instruction is known
  };

  detail::Races races;
  detail::Traffic traffic;
  std::uint64_t accesses = 0;
  std::vector<Place> places{{nullptr, {nullptr, 0}}};
  std::unordered_map<const void*, detail::Place> place_of;

  detail::Place place(const void* pc, const detail::Site* site) {
    detail::Place& known = place_of[pc];
    if (known == 0) {
      known = static_cast<detail::Place>(places.size());
      places.push_back({pc, site == nullptr ? detail::Site{nullptr, 0} : *site});
    }
    return known;
  }
};

namespace {

Trace::State* active = nullptr;

}  // namespace

Trace::Trace() : state_(std::make_unique<State>()) {
  if (active != nullptr) {
    throw std::logic_error("simt::Trace: there is one already");
  }
  active = state_.get();
}
Trace::~Trace() { active = nullptr; }
BufferTraffic Trace::buffer(const std::string& name) const { return state_->traffic.buffer(name); }
const SharedTraffic& Trace::shared() const { return state_->traffic.shared(); }
std::uint64_t Trace::accesses() const { return state_->accesses; }

namespace detail {

namespace {

std::string run_addr2line(std::uintptr_t address, const char* program) {
  std::array<char, 64> hexadecimal{};
  std::snprintf(hexadecimal.data(), hexadecimal.size(), "0x%zx", address);
  const std::string command =
      "addr2line -i -e '" + std::string(program) + "' " + hexadecimal.data() + " 2>/dev/null";
  std::string output;
  if (FILE* const pipe = popen(command.c_str(), "r"); pipe != nullptr) {
    std::array<char, 512> line{};
    while (fgets(line.data(), line.size(), pipe) != nullptr) {
      output += line.data();
    }
    pclose(pipe);
  }
  return output;
}

}  // namespace

std::string describe_pc(const void* pc) {
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(pc, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0) {
    return "?";
  }
  // The first is the program itself, whose name is empty.
  const char* const program = map->l_name[0] == '\0' ? "/proc/self/exe" : map->l_name;
  std::array<char, 4096> path{};
  std::string target = program;
  if (const ssize_t n = readlink(program, path.data(), path.size() - 1); n > 0) {
    target.assign(path.data(), static_cast<std::size_t>(n));
  }
  const std::string frames =
      run_addr2line(reinterpret_cast<std::uintptr_t>(pc) - 1 - map->l_addr, target.c_str());
  // Innermost first; the emulator's own headers are not what a reader looks for.
  for (std::size_t begin = 0; begin < frames.size();) {
    const std::size_t end = std::min(frames.find('\n', begin), frames.size());
    const std::string frame = frames.substr(begin, end - begin);
    if (frame.find("tests/simt/front") == std::string::npos && frame.find("??") != 0) {
      const std::string name = frame.substr(frame.rfind('/') + 1);
      return name.substr(0, name.find(' '));
    }
    begin = end + 1;
  }
  return "?";
}

std::string describe_place(Place place) {
  const Trace::State::Place& known = active->places[place];
  return known.site.file != nullptr ? describe(known.site) : describe_pc(known.pc);
}

bool trace_active() { return active != nullptr; }

void trace_start_launch() {
  if (active != nullptr) {
    active->races.start_launch();
  }
}

void trace_start_block() {
  if (active != nullptr) {
    active->races.start_block();
    active->traffic.start_block();
  }
}

void trace_finish_block() {
  if (active != nullptr) {
    active->traffic.finish_block();
  }
}

void trace_block_barrier() {
  if (active != nullptr) {
    active->races.block_barrier();
    active->traffic.block_barrier();
  }
}

void trace_warp_operation(unsigned warp, unsigned mask, bool sync) {
  if (active == nullptr) {
    return;
  }
  active->traffic.warp_operation(warp, mask);
  if (sync) {
    active->races.warp_barrier(warp, mask);
  }
}

void trace_remove_region(const Region& region) {
  if (active != nullptr) {
    active->races.remove(region);
    active->traffic.remove(region);
  }
}

void trace_access(const void* p, std::size_t bytes, Access access, const void* pc,
                  const Site* site) {
  if (active == nullptr || !Fiber::inside() || Fiber::on_stack(p)) {
    return;
  }
  const Region* const region = find_region(p);
  if (region == nullptr) {
    return;
  }
  ++active->accesses;
  const auto* const begin = static_cast<const char*>(p);
  const Place place = active->place(pc, site);
  const char* const verb = access == Access::kRead ? "read" : "written";
  const auto where = [&] {
    return describe_thread(block_state.running) + " at " + describe_place(place);
  };
  if (begin < region->begin || begin + bytes > region->end()) {
    breach("byte " + std::to_string(begin - region->begin) + " of '" + region->name + "' is " +
           verb + ", which has " + std::to_string(region->bytes) + "; " + where());
  }
  // Structures of other sizes are aligned to their members, which the compiler sees to.
  const bool power_of_two = (bytes & (bytes - 1)) == 0;
  if (power_of_two && bytes <= 16 && reinterpret_cast<std::uintptr_t>(p) % bytes != 0) {
    breach("misaligned access of " + std::to_string(bytes) + " bytes in '" + region->name + "'; " +
           where());
  }
  active->races.check(*region, begin, bytes, access, place);
  active->traffic.record(*region, begin, bytes, access != Access::kRead, place);
}

void trace_async_issued(void* dst, const void* pc, Site site) {
  if (active != nullptr) {
    const Region& region = *find_region(dst);
    const Place place = active->place(static_cast<const char*>(pc) + 1, &site);
    active->races.async_issued(region, static_cast<const char*>(dst), place);
    active->traffic.record(region, static_cast<const char*>(dst), 16, true, place);
  }
}

void trace_async_landed(void* dst) {
  if (active != nullptr) {
    active->races.async_landed(*find_region(dst), static_cast<const char*>(dst));
  }
}

}  // namespace detail
}  // namespace simt
