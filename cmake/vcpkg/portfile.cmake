# An overlay port: it builds the checkout that it lies in.
#
#   vcpkg install 'persense[program]' --overlay-ports=cmake/vcpkg
cmake_path(SET SOURCE_PATH NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../..")

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
    FEATURES
        label   PERSENSE_WITH_HTTP
        program PERSENSE_BUILD_PROGRAM
        program PERSENSE_WITH_SERVE
        torch   PERSENSE_WITH_TORCH
)
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${FEATURE_OPTIONS}
        -DPERSENSE_LIBZIP=libzip::zip
        -DPERSENSE_BUILD_TESTS=OFF
        -DPERSENSE_BUILD_EXAMPLES=OFF
        -DPERSENSE_BUILD_BENCHMARKS=OFF
        -DPERSENSE_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/persense)
vcpkg_fixup_pkgconfig()
vcpkg_copy_pdbs()
if("program" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES persense AUTO_CLEAN)
endif()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share"
                    "${CURRENT_PACKAGES_DIR}/share/doc")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE" "${SOURCE_PATH}/NOTICE")
