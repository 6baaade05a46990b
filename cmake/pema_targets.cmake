# Helpers that give every target of pema the same language level, warnings and sanitizers.

add_library(pema_options INTERFACE)
target_compile_features(pema_options INTERFACE cxx_std_20)
target_compile_options(pema_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual
  # GCC 12 sees overlapping copies in "text" + std::string (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(PEMA_WERROR)
  target_compile_options(pema_options INTERFACE -Werror)
endif()
if(PEMA_SANITIZE)
  # GCC's -Wmaybe-uninitialized sees paths that only the instrumentation makes.
  add_compile_options(-fsanitize=${PEMA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
                      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${PEMA_SANITIZE})
endif()
# Sixty programs are linked: lld takes a tenth of the time of the default linker.
find_program(PEMA_LLD ld.lld)
if(PROJECT_IS_TOP_LEVEL AND PEMA_LLD)
  add_link_options(-fuse-ld=lld)
endif()
if(PEMA_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# For a directory whose code does not run in loops (those are in the libraries): a quarter less to compile in release (-O1),
# 40 % less with sanitizers (-O0).
macro(pema_compile_quickly)
  set(PEMA_QUICK ON)
  add_compile_options($<$<CONFIG:Release>:-O1>)
  if(PEMA_SANITIZE)
    add_compile_options(-O0)
  endif()
endmacro()

# pema_library(NAME name SOURCES ... PUBLIC libs... PRIVATE libs...)
# A static library in the pema:: namespace whose headers are the public contract plus the repository root.
function(pema_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${ARG_NAME} STATIC ${ARG_SOURCES})
  string(REGEX REPLACE "^pema_" "" short "${ARG_NAME}")
  add_library(pema::${short} ALIAS ${ARG_NAME})
  set_target_properties(${ARG_NAME} PROPERTIES EXPORT_NAME ${short} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${ARG_NAME}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_features(${ARG_NAME} PUBLIC cxx_std_20)
  # It follows values through inlined code, so it is right only where the optimiser works and nothing is instrumented.
  if(NOT PEMA_SANITIZE AND NOT PEMA_QUICK)
    target_compile_options(${ARG_NAME} PRIVATE -Wnull-dereference)
  endif()
  # Header-only libraries and our own interface targets stay out of the installed package.
  set(private "")
  foreach(library IN LISTS ARG_PRIVATE)
    if(library MATCHES "^(cereal::|nlohmann_json::)")
      list(APPEND private $<BUILD_INTERFACE:${library}>)
    else()
      list(APPEND private ${library})
    endif()
  endforeach()
  target_link_libraries(${ARG_NAME} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:pema_options> ${private})
endfunction()

# The tests below this call read GoogleTest once (a third of what it takes to compile one of them). For tests with the flags
# of the directory that calls it: GCC takes a precompiled header only under the very flags it was made with.
macro(pema_precompile_googletest)
  add_library(pema_googletest OBJECT ${PROJECT_SOURCE_DIR}/cmake/googletest.cc)
  target_link_libraries(pema_googletest PRIVATE pema_options GTest::gmock)
  target_precompile_headers(pema_googletest PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  set(PEMA_GOOGLETEST_FROM pema_googletest)
endmacro()

# pema_test(NAME name SOURCES ... LIBS ... [WHOLE] [OWN_FLAGS] [LABELS ...])
# A GoogleTest binary. Each case becomes a CTest test; WHOLE makes the binary one test (for slow starters such as torch).
# OWN_FLAGS: a library brings definitions (torch does), so the header is precompiled for this binary.
function(pema_test)
  cmake_parse_arguments(ARG "WHOLE;OWN_FLAGS" "NAME;TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE pema_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${ARG_NAME} PRIVATE PEMA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(ARG_OWN_FLAGS)
    target_precompile_headers(${ARG_NAME} PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  elseif(PEMA_GOOGLETEST_FROM)
    target_precompile_headers(${ARG_NAME} REUSE_FROM ${PEMA_GOOGLETEST_FROM})
  endif()
  if(ARG_WHOLE)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
    # Whole programs take longest: CTest starts what costs most first, so that none is waited for alone.
    set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" COST 60)
  else()
    gtest_discover_tests(${ARG_NAME} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  endif()
endfunction()
