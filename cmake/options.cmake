# What a user may switch. A project that add_subdirectory's this one gets the libraries alone;
# everything else is on only when this is the project being built.
set(PERSENSE_WITH_TORCH AUTO CACHE STRING
    "Build the TorchScript stages, and mini on GPUs, which need LibTorch: ON, OFF, or AUTO (if it is there)")
set_property(CACHE PERSENSE_WITH_TORCH PROPERTY STRINGS AUTO ON OFF)
set(PERSENSE_WITH_ONNX AUTO CACHE STRING
    "Run ONNX models, too, beside LibTorch, which needs ONNX Runtime's headers: ON, OFF, or AUTO (if they are there)")
set_property(CACHE PERSENSE_WITH_ONNX PROPERTY STRINGS AUTO ON OFF)
set(PERSENSE_WITH_HTTP AUTO CACHE STRING
    "Build class label extraction, which needs libcurl: ON, OFF, or AUTO (if it is there)")
set_property(CACHE PERSENSE_WITH_HTTP PROPERTY STRINGS AUTO ON OFF)
set(PERSENSE_WITH_SERVE AUTO CACHE STRING
    "Build the page in the browser (persense serve): AUTO (if cpp-httplib and pugixml are found), ON or OFF")
set_property(CACHE PERSENSE_WITH_SERVE PROPERTY STRINGS AUTO ON OFF)
option(PERSENSE_CORE_ONLY "Configure the headers of persense::core alone, which need Eigen, OpenCV and fmt" OFF)
option(PERSENSE_BUILD_PROGRAM "Build the program persense" ${PROJECT_IS_TOP_LEVEL})
option(PERSENSE_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(PERSENSE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(PERSENSE_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(PERSENSE_BUILD_FUZZERS "Build the fuzz targets with libFuzzer instead of the tests (needs Clang)" OFF)
option(PERSENSE_INSTALL "Generate the install target" ${PROJECT_IS_TOP_LEVEL})
option(BUILD_SHARED_LIBS "Build shared libraries instead of static ones" OFF)
set(PERSENSE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  # Installed programs find a shared build's libraries wherever the prefix is moved to.
  file(RELATIVE_PATH to_libraries ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(CMAKE_INSTALL_RPATH $ORIGIN $ORIGIN/${to_libraries})
  find_program(PERSENSE_CCACHE ccache)
  mark_as_advanced(PERSENSE_CCACHE)
  if(PERSENSE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${PERSENSE_CCACHE})
  endif()
endif()

# The libraries and the program are compiled several sources at a time, which takes half as long. A compiler cache keeps
# what did not change, so beside one each source is compiled by itself.
if(NOT DEFINED CMAKE_UNITY_BUILD AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 16)
endif()

# Applied to our own targets alone, never exported.
add_library(persense_private_flags INTERFACE)
# Of sources that are compiled together one shadows what is another's alone.
set(shadow $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow>)
target_compile_options(persense_private_flags INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:-Wall -Wextra -Wpedantic ${shadow} -ffp-contract=off>)
if(PERSENSE_SANITIZE)
  add_compile_options(-fsanitize=${PERSENSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PERSENSE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-maybe-uninitialized)  # instrumented code gives false ones, says GCC's manual
  endif()
endif()
