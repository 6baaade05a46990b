#include "kernels/cuda/library.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusparse.h>

#include <limits>

#include "kernels/cuda/checks.h"
#include "kernels/cuda/device.h"

namespace pema::kernels::cuda {

struct Libraries::State {
  cublasHandle_t blas = nullptr;
  cusparseHandle_t sparse = nullptr;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (blas != nullptr) static_cast<void>(cublasDestroy(blas));
    if (sparse != nullptr) static_cast<void>(cusparseDestroy(sparse));
  }
};

namespace {

void check(cublasStatus_t status, const char* what) {
  PEMA_CHECK(status == CUBLAS_STATUS_SUCCESS, kInternal, "cuBLAS refused ", what, ": ",
             cublasGetStatusString(status));
}
void check(cusparseStatus_t status, const char* what) {
  PEMA_CHECK(status == CUSPARSE_STATUS_SUCCESS, kInternal, "cuSPARSE refused ", what, ": ",
             cusparseGetErrorString(status));
}
void check(cudaError_t code, const char* what) {
  PEMA_CHECK(code == cudaSuccess, kInternal, "CUDA refused ", what, ": ", cudaGetErrorString(code));
}

/// out (+)= csr * rows.
struct SparseProduct {
  const DeviceRows& rows;
  const DeviceCsr& csr;
  const DeviceOut& out;
  bool add;
};

void check_sparse(const SparseProduct& p, const char* name) {
  check_rows(p.rows, name);
  check_csr(p.csr, name);
  check_out(p.out, p.csr.rows, p.rows.cols, name);
  PEMA_CHECK(p.rows.type == Element::kFloat32, kUnsupported, name,
             ": cuSPARSE takes f32 rows; the kernels take every type");
}

/// cuSPARSE's descriptions of the three operands; they hold host memory only.
class Descriptions {
 public:
  explicit Descriptions(const SparseProduct& p) {
    // cuSPARSE wants mutable pointers to what it only reads.
    auto* const begin = const_cast<std::int32_t*>(p.csr.begin);
    auto* const index = const_cast<std::int32_t*>(p.csr.index);
    auto* const weight = const_cast<float*>(p.csr.weight);
    check(cusparseCreateCsr(&csr, p.csr.rows, p.rows.rows, p.csr.entries, begin, index, weight,
                            CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO,
                            CUDA_R_32F),
          "the masks");
    try {
      check(cusparseCreateDnMat(&rows, p.rows.rows, p.rows.cols, p.rows.stride,
                                const_cast<void*>(p.rows.data), CUDA_R_32F, CUSPARSE_ORDER_ROW),
            "the matrix");
      check(cusparseCreateDnMat(&out, p.out.rows, p.out.cols, p.out.stride, p.out.data, CUDA_R_32F,
                                CUSPARSE_ORDER_ROW),
            "the result");
    } catch (...) {
      destroy();
      throw;
    }
  }
  ~Descriptions() { destroy(); }
  Descriptions(const Descriptions&) = delete;
  Descriptions& operator=(const Descriptions&) = delete;

  cusparseSpMatDescr_t csr = nullptr;
  cusparseDnMatDescr_t rows = nullptr;
  cusparseDnMatDescr_t out = nullptr;

 private:
  void destroy() noexcept {
    if (csr != nullptr) static_cast<void>(cusparseDestroySpMat(csr));
    if (rows != nullptr) static_cast<void>(cusparseDestroyDnMat(rows));
    if (out != nullptr) static_cast<void>(cusparseDestroyDnMat(out));
  }
};

bool nothing_to_add(const SparseProduct& p) {
  return p.csr.entries == 0 || p.rows.rows == 0 || p.rows.cols == 0 || p.csr.rows == 0;
}

constexpr float kOne = 1;
constexpr float kZero = 0;
constexpr cusparseSpMMAlg_t kAlgorithm = CUSPARSE_SPMM_CSR_ALG2;  // the one for row-major operands

std::int64_t workspace_of(const SparseProduct& p, Libraries& libraries, const char* name) {
  check_sparse(p, name);
  if (nothing_to_add(p)) return 0;
  const Descriptions d(p);
  std::size_t bytes = 0;
  check(cusparseSpMM_bufferSize(libraries.state().sparse, CUSPARSE_OPERATION_NON_TRANSPOSE,
                                CUSPARSE_OPERATION_NON_TRANSPOSE, &kOne, d.csr, d.rows,
                                p.add ? &kOne : &kZero, d.out, CUDA_R_32F, kAlgorithm, &bytes),
        "the question for a workspace");
  return padded(static_cast<std::int64_t>(bytes));
}

void multiply(const SparseProduct& p, const Workspace& workspace, Libraries& libraries,
              Stream stream, const char* name) {
  check_workspace(workspace, workspace_of(p, libraries, name), name);
  if (nothing_to_add(p)) {
    if (!p.add && p.out.rows > 0 && p.out.cols > 0) {
      check(cudaMemset2DAsync(p.out.data, static_cast<std::size_t>(p.out.stride) * sizeof(float), 0,
                              static_cast<std::size_t>(p.out.cols) * sizeof(float),
                              static_cast<std::size_t>(p.out.rows), stream),
            "to clear the result");
    }
    return;
  }
  const Descriptions d(p);
  cusparseHandle_t const handle = libraries.state().sparse;
  check(cusparseSetStream(handle, stream), "the stream");
  check(cusparseSpMM(handle, CUSPARSE_OPERATION_NON_TRANSPOSE, CUSPARSE_OPERATION_NON_TRANSPOSE,
                     &kOne, d.csr, d.rows, p.add ? &kOne : &kZero, d.out, CUDA_R_32F, kAlgorithm,
                     workspace.data),
        "the product");
}

cudaDataType_t data_type(Element type, const char* name) {
  switch (type) {
    case Element::kFloat32:
      return CUDA_R_32F;
    case Element::kFloat16:
      return CUDA_R_16F;
    case Element::kBfloat16:
      return CUDA_R_16BF;
    case Element::kInt8:
      break;
  }
  fail(ErrorCode::kUnsupported, name, ": cuBLAS is not used on int8; the kernels are");
}

int small(std::int64_t size, const char* name) {
  PEMA_CHECK(size <= std::numeric_limits<int>::max(), kInvalidArgument, name, ": a size of ", size,
             " is more than cuBLAS takes");
  return static_cast<int>(size);
}

/// out [rows, cols] (+)= left [rows, inner] right, all row-major: cuBLAS, which is column-major, is
/// given the transposed product. right_by_rows: right is [cols, inner], its rows are multiplied.
struct DenseProduct {
  const DeviceRows& left;
  const DeviceRows& right;
  const DeviceOut& out;
  bool right_by_rows;
  bool add;
};

void multiply(const DenseProduct& p, const Workspace& workspace, Libraries& libraries,
              Stream stream, const char* name) {
  check_rows(p.left, name);
  check_rows(p.right, name);
  const std::int64_t inner = p.right_by_rows ? p.right.cols : p.right.rows;
  const std::int64_t cols = p.right_by_rows ? p.right.rows : p.right.cols;
  check_out(p.out, p.left.rows, cols, name);
  PEMA_CHECK(p.left.cols == inner && p.left.type == p.right.type, kInvalidArgument, name, ": [",
             p.left.rows, ", ", p.left.cols, "] and [", p.right.rows, ", ", p.right.cols,
             "] do not fit, or their types differ");
  check_workspace(workspace, 0, name);
  const cudaDataType_t type = data_type(p.right.type, name);
  if (p.left.rows == 0 || cols == 0) return;
  cublasHandle_t const handle = libraries.state().blas;
  check(cublasSetStream(handle, stream), "the stream");  // also forgets the last workspace
  if (workspace.bytes > 0) {
    check(cublasSetWorkspace(handle, workspace.data, static_cast<std::size_t>(workspace.bytes)),
          "the workspace");
  }
  check(cublasGemmEx(handle, p.right_by_rows ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N,
                     small(cols, name), small(p.left.rows, name), small(inner, name), &kOne,
                     p.right.data, type, small(p.right.stride, name), p.left.data, type,
                     small(p.left.stride, name), p.add ? &kOne : &kZero, p.out.data, CUDA_R_32F,
                     small(p.out.stride, name), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        "the product");
}

}  // namespace

Libraries::Libraries() {
  const DeviceStatus status = device_status();
  PEMA_CHECK(status.usable, kUnsupported, status.reason);
  state_ = std::make_unique<State>();
  check(cublasCreate(&state_->blas), "a handle");
  check(cusparseCreate(&state_->sparse), "a handle");
}

Libraries::~Libraries() = default;

void compose(const DeviceComposeCsr& op, Libraries& libraries, Stream stream) {
  multiply(SparseProduct{op.pool, op.masks, op.out, false}, op.workspace, libraries, stream,
           "compose");
}

std::int64_t compose_workspace(const DeviceComposeCsr& op, Libraries& libraries) {
  return workspace_of({op.pool, op.masks, op.out, false}, libraries, "compose");
}

void project(const DeviceProject& op, Libraries& libraries, Stream stream) {
  multiply(SparseProduct{op.up, op.latents, op.out, op.add}, op.workspace, libraries, stream,
           "project");
}

std::int64_t project_workspace(const DeviceProject& op, Libraries& libraries) {
  return workspace_of({op.up, op.latents, op.out, op.add}, libraries, "project");
}

void project(const DeviceDenseProject& op, Libraries& libraries, Stream stream) {
  multiply(DenseProduct{op.weight, op.up, op.out, false, op.add}, op.workspace, libraries, stream,
           "project");
}

void head_product(const DeviceHeadProduct& op, Libraries& libraries, Stream stream) {
  multiply(DenseProduct{op.x, op.weight, op.out, true, op.add}, op.workspace, libraries, stream,
           "head_product");
}

}  // namespace pema::kernels::cuda
