# Runs one file of Python tests: cmake -D SOURCE_DIR=... -D TESTS=test_x.py -P run_pytest.cmake
#
# Skips, and says so, where there is no PyTorch.
include(${CMAKE_CURRENT_LIST_DIR}/torch_python.cmake)
execute_process(COMMAND ${python} -c "import pytest, torch" RESULT_VARIABLE missing ERROR_VARIABLE why
                OUTPUT_QUIET)
if(missing)
  string(REGEX MATCH "[^\n]*\n?$" why "${why}")
  message("SKIPPED: ${python} has no PyTorch or no pytest: ${why}")
  return()
endif()
set(ENV{PYTHONPATH} ${SOURCE_DIR}/bindings/python)
set(ENV{PYTHONDONTWRITEBYTECODE} 1)
execute_process(
  COMMAND ${python} -m pytest -q -rs -p no:cacheprovider ${SOURCE_DIR}/bindings/python/tests/${TESTS}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${TESTS}: pytest exited with ${failed}")
endif()
