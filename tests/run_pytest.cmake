# Runs one file of Python tests: cmake -D SOURCE_DIR=... -D TESTS=tests/test_x.py -P run_pytest.cmake
#
# Skips, and says so, where there is no PyTorch.
include(${CMAKE_CURRENT_LIST_DIR}/torch_python.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/pytest_file.cmake)
# the same with what else these tests need: see run.sh
set(with_more ${SOURCE_DIR}/build/python-torch/bin/python)
if(EXISTS ${with_more} AND NOT DEFINED ENV{PERSENSE_TORCH_PYTHON})
  set(python ${with_more})
endif()
execute_process(COMMAND ${python} -c "import pytest, torch" RESULT_VARIABLE missing ERROR_VARIABLE why
                OUTPUT_QUIET)
if(missing)
  string(REGEX MATCH "[^\n]*\n?$" why "${why}")
  message("SKIPPED: ${python} has no PyTorch or no pytest: ${why}")
  return()
endif()
set(ENV{PYTHONPATH} ${SOURCE_DIR}/bindings/python/training)
run_pytest_in(${CMAKE_CURRENT_BINARY_DIR})
