# Every third-party library, found once. Debian 12 names are in packages.apt; llama.cpp comes from the user's cache (./dev setup)
# or from any prefix on CMAKE_PREFIX_PATH.

find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(SQLite3 3.38 REQUIRED)
find_package(ZLIB REQUIRED)

# It brings no CMake package; an interface target of ours would not do in an installed one, so it is the file itself.
find_path(SODIUM_INCLUDE_DIR sodium.h REQUIRED)
find_library(SODIUM_LIBRARY NAMES sodium REQUIRED)
find_package(cereal REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(hwy REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)  # before faiss, whose package forgets it
find_package(faiss REQUIRED)

# Optional: stores in PostgreSQL. CMake's own module asks for the server's headers too, which nothing here needs.
if(PEMA_WITH_POSTGRES)
  find_path(PEMA_LIBPQ_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql)
  find_library(PEMA_LIBPQ_LIBRARY NAMES pq)
endif()
if(PEMA_LIBPQ_INCLUDE_DIR AND PEMA_LIBPQ_LIBRARY AND PEMA_WITH_POSTGRES)
  set(PEMA_LIBPQ ${PEMA_LIBPQ_LIBRARY})
else()
  message(STATUS "Built without stores in PostgreSQL (Debian: libpq-dev)")
endif()

# OpenBLAS, not the reference BLAS: 17 times on a matrix product (docs/decisions).
find_path(OPENBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas openblas-pthread x86_64-linux-gnu/openblas-pthread REQUIRED)
find_library(OPENBLAS_LIBRARY NAMES openblas REQUIRED)
add_library(pema_openblas INTERFACE)
target_include_directories(pema_openblas SYSTEM INTERFACE $<BUILD_INTERFACE:${OPENBLAS_INCLUDE_DIR}>)
target_link_libraries(pema_openblas INTERFACE ${OPENBLAS_LIBRARY})

if(PEMA_WITH_LLAMA)
  find_package(llama REQUIRED)
endif()

if(PEMA_WITH_TRAIN)
  find_package(Torch 1.13 REQUIRED)
  # Torch's own target drags C++17 and definitions along; ours only needs its headers and libraries.
  add_library(pema_torch INTERFACE)
  target_link_libraries(pema_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(pema_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
endif()

if(PEMA_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
