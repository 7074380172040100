# PyTorch in the environment that the package is built for has a LibTorch, and a process holds one
# LibTorch or none: so that one it is, before any other that CMake would find.
#
# Sets torch_of_python to PyTorch's full version where it is used, and to nothing elsewhere.
set(torch_of_python "")
if(DEFINED PERSENSE_WITH_TORCH AND NOT PERSENSE_WITH_TORCH)
  return()
endif()
# What isolated builds see of the environment is where its packages are.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_path('platlib'))"
  OUTPUT_VARIABLE packages OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT EXISTS ${packages}/torch/share/cmake/Torch/TorchConfig.cmake)
  return()
endif()

file(READ ${packages}/torch/version.py text)
string(REGEX MATCH "__version__ = '([^']+)'" found "${text}")
set(version ${CMAKE_MATCH_1})
# A CUDA build's TorchConfig.cmake ends the configuration where there is no toolkit, of which nothing
# here needs anything: its libraries are enough. (Before 2.6 they have the C++ library's old ABI.)
if(text MATCHES "cuda[^=\n]*= '")
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_FOUND AND version VERSION_LESS 2.6)
    message(STATUS "PyTorch ${version} of this environment is for CUDA and is left out: there is no CUDA "
                   "toolkit to build against, without which it must be 2.6 or newer")
    return()
  elseif(NOT CUDAToolkit_FOUND)
    foreach(name IN ITEMS c10 torch_cpu torch_cuda torch)
      add_library(${name} SHARED IMPORTED GLOBAL)
      set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${packages}/torch/lib/lib${name}.so)
    endforeach()
    target_include_directories(torch SYSTEM INTERFACE
      ${packages}/torch/include ${packages}/torch/include/torch/csrc/api/include)
    # CUDA's is called through what it registers, which the linker does not see. It comes by way of
    # libtorch.so, which a PyTorch without CUDA has too: what is built here runs on either.
    target_link_libraries(torch INTERFACE torch_cpu c10
      "-Wl,--push-state,--no-as-needed,$<TARGET_FILE:torch>,--pop-state")
    set(Torch_VERSION ${version})
  endif()
endif()
set(torch_of_python ${version})
# Not Torch_DIR: its config looks for Caffe2's, of which the system may have another.
list(PREPEND CMAKE_PREFIX_PATH ${packages}/torch/share/cmake)
