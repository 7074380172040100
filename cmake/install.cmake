# What `cmake --install` lays down: headers and libraries (the program installs itself), and
# two ways to find them again: find_package and pkg-config. All of it together, or in the components
# program, library (what programs are run with) and development, which are packages: see package.cmake.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/persense)
# An export set for each component, so that none asks for what only another needs.
set(PERSENSE_COMPONENTS core)
foreach(target IN LISTS PERSENSE_LIBRARIES ITEMS persense_capi)
  string(REPLACE persense_ "" name ${target})
  if(TARGET ${target})  # not there with PERSENSE_CORE_ONLY
    list(APPEND PERSENSE_COMPONENTS ${name})
  endif()
endforeach()
foreach(name IN LISTS PERSENSE_COMPONENTS)
  install(TARGETS persense_${name} EXPORT persense-${name}-targets
          LIBRARY COMPONENT library NAMELINK_COMPONENT development
          FILE_SET HEADERS)
  install(EXPORT persense-${name}-targets NAMESPACE persense:: DESTINATION ${package_dir})
endforeach()

# Documentation keeps its folders, so that links from page to page lead there after installation too.
install(FILES README.md LICENSE NOTICE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB_RECURSE guides CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
     benchmarks/README.md benchmarks/*.png benchmarks/*.json bindings/README.md capi/README.md cmake/README.md
     include/README.md src/README.md src/*.json)
foreach(guide IN LISTS guides)
  cmake_path(GET guide PARENT_PATH folder)
  install(FILES ${guide} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        PATTERN scenes EXCLUDE          # a part of the tests
        PATTERN quickstart.sh EXCLUDE)  # which builds persense

set(PERSENSE_TORCH_MINOR "")
set(PERSENSE_TORCH_ABI "")
if(PERSENSE_TORCH)
  string(REGEX MATCH "^[0-9]+[.][0-9]+" PERSENSE_TORCH_MINOR "${Torch_VERSION}")
  string(REGEX MATCH "_GLIBCXX_USE_CXX11_ABI=[01]" PERSENSE_TORCH_ABI
         "${TORCH_CXX_FLAGS} _GLIBCXX_USE_CXX11_ABI=1")  # which is what it is where nothing is said
endif()
set(PERSENSE_CAPI_NEEDS "")
if(BUILD_SHARED_LIBS)  # else it is all in one
  set(PERSENSE_CAPI_NEEDS core steps classic mini engine io label)
endif()
list(JOIN PERSENSE_COMPONENTS " " PERSENSE_COMPONENTS)
list(JOIN PERSENSE_CAPI_NEEDS " " PERSENSE_CAPI_NEEDS)
configure_package_config_file(cmake/persense-config.cmake.in persense-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(persense-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/persense-config.cmake
              ${PROJECT_BINARY_DIR}/persense-config-version.cmake DESTINATION ${package_dir})

if(PERSENSE_CORE_ONLY)
  return()  # the pkg-config files are those of the compiled libraries
endif()

# pkg-config. opencv4.pc would link every OpenCV module there is, so the few that are used are named
# here; the headers inline calls into them, so even users of a shared persense link them.
get_target_property(opencv_includes opencv_core INTERFACE_INCLUDE_DIRECTORIES)
list(TRANSFORM opencv_includes PREPEND "-isystem ")
list(JOIN opencv_includes " " PERSENSE_PC_OPENCV_CFLAGS)
get_target_property(opencv_library opencv_core LOCATION)
cmake_path(GET opencv_library PARENT_PATH PERSENSE_PC_OPENCV_LIBDIR)
# Static archives are searched once, in this order: users before what they use.
set(PERSENSE_PC_LIBS "-lpersense_eval -lpersense_label -lpersense_io -lpersense_engine -lpersense_mini -lpersense_classic -lpersense_steps")
# A full name, as CMake found it: some have it elsewhere than where linkers look.
get_target_property(tiff_library TIFF::TIFF LOCATION)
set(PERSENSE_PC_TIFF_LIBS "${tiff_library}")
string(REPLACE libzip::zip -lzip PERSENSE_PC_LIBZIP "${PERSENSE_LIBZIP}")
set(PERSENSE_PC_HTTP "")
if(PERSENSE_HTTP)
  set(PERSENSE_PC_HTTP libcurl)
endif()
set(pkg_config_files persense persense-c)
if(PERSENSE_TORCH)
  list(APPEND pkg_config_files persense-torch)
  # All of its libraries, also those that no symbol asks for: the CUDA ones register themselves.
  set(libraries -Wl,--no-as-needed)
  foreach(name IN ITEMS torch torch_cpu torch_cuda c10)
    if(TARGET ${name})
      get_target_property(library ${name} LOCATION)
      list(APPEND libraries ${library})
    endif()
  endforeach()
  list(APPEND libraries -Wl,--as-needed)
  cmake_path(GET library PARENT_PATH torch_folder)
  if(NOT torch_folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND libraries -Wl,-rpath,${torch_folder})
  endif()
  if(TARGET torch_cuda)
    list(APPEND libraries -Wl,--allow-shlib-undefined)  # see src/torch/CMakeLists.txt
  endif()
  list(JOIN libraries " " PERSENSE_PC_TORCH_LIBS)
  string(APPEND PERSENSE_PC_TORCH_LIBS " -lpersense_mini ${PERSENSE_PC_LIBZIP}")
  if(PERSENSE_UTF8PROC)
    string(APPEND PERSENSE_PC_TORCH_LIBS " -lutf8proc")
  endif()
  get_target_property(includes torch INTERFACE_INCLUDE_DIRECTORIES)
  list(REMOVE_ITEM includes ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
  list(TRANSFORM includes PREPEND "-isystem ")
  list(JOIN includes " " PERSENSE_PC_TORCH_CFLAGS)
  get_target_property(definitions persense_torch INTERFACE_COMPILE_DEFINITIONS)
  if(definitions)
    list(TRANSFORM definitions PREPEND "-D")
    list(JOIN definitions " " definitions)
    string(APPEND PERSENSE_PC_TORCH_CFLAGS " ${definitions}")
  endif()
endif()
cmake_path(IS_RELATIVE CMAKE_INSTALL_LIBDIR libdir_is_relative)
if(libdir_is_relative)  # the prefix can be moved: pkg-config finds it from the file's own place
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY
             ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig OUTPUT_VARIABLE to_prefix)
  set(PERSENSE_PC_PREFIX "\${pcfiledir}/${to_prefix}")
  string(REGEX REPLACE "/$" "" PERSENSE_PC_PREFIX "${PERSENSE_PC_PREFIX}")
  set(PERSENSE_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(PERSENSE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(PERSENSE_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(PERSENSE_PC_LIBDIR ${CMAKE_INSTALL_FULL_LIBDIR})
  set(PERSENSE_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
endif()
foreach(name IN LISTS pkg_config_files)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
