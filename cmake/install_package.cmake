# find_package(pema [COMPONENTS plm train]) for consumers. pema::pema is layers 0 and 1 and the engine, free of torch and llama.cpp;
# pema::plm and pema::train come as components, so that only those who ask for them need their libraries.

include(CMakePackageConfigHelpers)

# The program's target is called pema, so the library's is not.
add_library(pema_all INTERFACE)
add_library(pema::pema ALIAS pema_all)
set_target_properties(pema_all PROPERTIES EXPORT_NAME pema)
target_link_libraries(pema_all INTERFACE pema_engine pema_profiles pema_memory pema_cuda pema_kernels pema_data pema_core)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pema)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/pema DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS pema_all pema_engine pema_profiles pema_memory pema_cuda pema_kernels pema_data pema_core EXPORT pema-targets)
install(EXPORT pema-targets NAMESPACE pema:: DESTINATION ${package_dir})
if(PEMA_WITH_LLAMA)
  install(TARGETS pema_plm EXPORT pema-plm-targets)
  install(EXPORT pema-plm-targets NAMESPACE pema:: DESTINATION ${package_dir})
endif()
if(PEMA_WITH_TRAIN)
  install(TARGETS pema_train pema_torch pema_openblas EXPORT pema-train-targets)
  install(EXPORT pema-train-targets NAMESPACE pema:: DESTINATION ${package_dir})
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/pema-config.cmake.in ${PROJECT_BINARY_DIR}/pema-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pema-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pema-config.cmake ${PROJECT_BINARY_DIR}/pema-config-version.cmake
        DESTINATION ${package_dir})
