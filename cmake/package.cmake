# Debian packages, by `cpack` in a build folder or the workflow preset deb: persense (the program), the
# libraries that run, and what programs are built with. dpkg-shlibdeps finds out what they depend on.
set(soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "persense authors <authors@persense.invalid>" CACHE STRING "Who maintains packages")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_documents.cmake)

# Each begins with the project's description.
set(about "Mark one object in an image with many like it, by a box, a point, an outline or a
mask: all of them are found, each with mask, box, point and score, and counted.")
set(same "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME persense)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "${about}
This is the command-line program, which also serves a page for the browser.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "libpersense${soversion} ${same}")  # runs networks

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libpersense${soversion})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "${about}
This is the library for C and what it and other programs run networks with.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libpersense-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "${about}
These are the headers and libraries for C++ and C, guides and examples.")
# What the installed CMake and pkg-config files look for.
set(needs "libpersense${soversion} ${same}" libeigen3-dev libfmt-dev libopencv-dev libtiff-dev libzip-dev)
if(PERSENSE_HTTP)
  list(APPEND needs "libcurl4-openssl-dev | libcurl-dev")
endif()
if(PERSENSE_TORCH)
  list(APPEND needs libtorch-dev)
endif()
if(PERSENSE_TORCH AND PERSENSE_UTF8PROC)
  list(APPEND needs libutf8proc-dev)
endif()
list(JOIN needs ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)
include(CPack)
