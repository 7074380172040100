# What a user may switch. Everything but the library and the program is on only when this is the
# project being built, not when it was add_subdirectory'd.
option(PERSENSE_WITH_TORCH "Build the TorchScript stages (needs LibTorch)" OFF)
option(PERSENSE_BUILD_PROGRAM "Build the program persense" ON)
option(PERSENSE_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(PERSENSE_BUILD_TESTS "Build the tests (needs the examples)" ${PROJECT_IS_TOP_LEVEL})
option(PERSENSE_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(PERSENSE_INSTALL "Generate the install target" ${PROJECT_IS_TOP_LEVEL})
set(PERSENSE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Applied to our own targets alone, never exported.
add_library(persense_private_flags INTERFACE)
target_compile_options(persense_private_flags INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:-Wall -Wextra -Wpedantic -Wshadow -ffp-contract=off>)
if(PERSENSE_SANITIZE)
  add_compile_options(-fsanitize=${PERSENSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PERSENSE_SANITIZE})
endif()
