# Runs one file of Python tests: cmake -D SOURCE_DIR=... -D TESTS=test_x.py -P run_pytest.cmake
#
# With Debian's Python, whose packages python3-torch and python3-pytest cmake/setup.sh installs, or
# with PERSENSE_TORCH_PYTHON. Skips, and says so, where there is no PyTorch.
set(python /usr/bin/python3)
if(DEFINED ENV{PERSENSE_TORCH_PYTHON})
  set(python $ENV{PERSENSE_TORCH_PYTHON})
endif()
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
