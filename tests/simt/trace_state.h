/// Where the emulator tells the trace what happens. All do nothing while there is no Trace.
#pragma once

#include "tests/simt/block.h"

namespace simt::detail {

bool trace_active();
void trace_start_launch();
void trace_start_block();
void trace_finish_block();
void trace_block_barrier();
/// The lanes of mask have completed a warp operation; sync: one that orders memory.
void trace_warp_operation(unsigned warp, unsigned mask, bool sync);
void trace_remove_region(const Region& region);
/// pc: the access's own; site: its place in the source where that is known.
void trace_access(const void* p, std::size_t bytes, Access access, const void* pc,
                  const Site* site);
void trace_async_issued(void* dst, const void* pc, Site site);
void trace_async_landed(void* dst);

/// Places of accesses, numbered from 1.
using Place = std::uint32_t;
std::string describe_place(Place place);
/// "file.cuh:12" of an instruction of this program, from its debug information.
std::string describe_pc(const void* pc);

}  // namespace simt::detail
