#include "kernels/cuda/row_sums.cuh"

#include "kernels/cuda/checks.h"
#include "kernels/cuda/element.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/quantise.cuh"

namespace pema::kernels::cuda {
namespace {

template <typename T, Choice kChoice, bool kAdd>
void queue(const DeviceRows& rows, const DeviceOut& out, RowSums<T> a, Stream stream) {
  a.rows = static_cast<const T*>(rows.data);
  a.stride = rows.stride;
  a.row_count = static_cast<int>(rows.rows);
  a.cols = rows.cols;
  a.sums = static_cast<int>(out.rows);
  a.scale = rows.scale;
  a.out = out.data;
  a.out_stride = out.stride;
  launch(row_sums_kernel<T, kChoice, kAdd>, row_sums_plan(rows.type, out.rows, rows.cols), stream,
         a);
}

template <typename T>
void queue_bits(const DeviceComposeBits& op, Stream stream) {
  RowSums<T> a{};
  a.bits = op.masks.words;
  a.mask_words = ceil_div(op.pool.rows, 64);
  a.factor = op.masks.weight;
  queue<T, Choice::kBits, false>(op.pool, op.out, a, stream);
}

struct CsrCall {
  const DeviceRows& rows;
  const DeviceCsr& csr;
  const DeviceOut& out;
  const Workspace& workspace;
};

template <typename T, bool kAdd>
void queue_csr(const CsrCall& call, Stream stream) {
  RowSums<T> a{};
  a.begin = call.csr.begin;
  a.index = call.csr.index;
  if constexpr (sizeof(T) == 1) {
    auto* const step = part<float>(call.workspace, 0);
    auto* const quantised = part<std::int16_t>(
        call.workspace, padded(call.csr.rows * static_cast<std::int64_t>(sizeof(float))));
    launch(quantise_kernel, quantise_plan(call.csr.rows), stream,
           Quantise{call.csr.begin, call.csr.weight, static_cast<int>(call.csr.rows), quantised,
                    step});
    a.weight = quantised;
    a.factor = step;
  } else {
    a.weight = call.csr.weight;
  }
  queue<T, Choice::kCsr, kAdd>(call.rows, call.out, a, stream);
}

template <bool kAdd>
void queue_csr_of_type(const CsrCall& call, Stream stream) {
  with_element(call.rows.type,
               [&](auto element) { queue_csr<decltype(element), kAdd>(call, stream); });
}

void check_pool(const DeviceRows& pool, const char* name) {
  check_rows(pool, name);
  PEMA_CHECK(pool.rows <= kMaxPoolRows, kInvalidArgument, name, ": ", pool.rows,
             " rows, more than ", kMaxPoolRows);
}

std::int64_t csr_workspace(Element type, const DeviceCsr& csr) {
  if (type != Element::kInt8) return 0;
  return padded(csr.rows * static_cast<std::int64_t>(sizeof(float))) +
         padded(csr.entries * static_cast<std::int64_t>(sizeof(std::int16_t)));
}

void check_csr_call(const CsrCall& call, const char* name) {
  check_pool(call.rows, name);
  check_csr(call.csr, name);
  check_out(call.out, call.csr.rows, call.rows.cols, name);
  check_workspace(call.workspace, csr_workspace(call.rows.type, call.csr), name);
}

}  // namespace

void compose(const DeviceComposeBits& op, Stream stream) {
  check_pool(op.pool, "compose");
  check_out(op.out, op.masks.rows, op.pool.cols, "compose");
  PEMA_CHECK(op.masks.rows == 0 || op.masks.weight != nullptr, kInvalidArgument,
             "compose: no weights of the masks");
  PEMA_CHECK(op.masks.rows == 0 || op.pool.rows == 0 || op.masks.words != nullptr, kInvalidArgument,
             "compose: no masks");
  with_element(op.pool.type, [&](auto element) { queue_bits<decltype(element)>(op, stream); });
}

void compose(const DeviceComposeCsr& op, Stream stream) {
  const CsrCall call{op.pool, op.masks, op.out, op.workspace};
  check_csr_call(call, "compose");
  queue_csr_of_type<false>(call, stream);
}

std::int64_t compose_workspace(Element pool, const DeviceCsr& masks) {
  return csr_workspace(pool, masks);
}

void project(const DeviceProject& op, Stream stream) {
  const CsrCall call{op.up, op.latents, op.out, op.workspace};
  check_csr_call(call, "project");
  if (op.add) {
    queue_csr_of_type<true>(call, stream);
  } else {
    queue_csr_of_type<false>(call, stream);
  }
}

std::int64_t project_workspace(Element up, const DeviceCsr& latents) {
  return csr_workspace(up, latents);
}

}  // namespace pema::kernels::cuda
