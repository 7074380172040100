# Runs one file of Python tests on the installed wheel, from outside of the source tree:
#   cmake -D SOURCE_DIR=... -D WHEEL_DIR=... -D TESTS=tests/test_x.py -P run_wheel_pytest.cmake
include(${CMAKE_CURRENT_LIST_DIR}/pytest_file.cmake)
set(python ${WHEEL_DIR}/environment/bin/python)
if(NOT EXISTS ${python})
  message("SKIPPED: the wheel was not installed: see the test that builds it")
  return()
endif()
unset(ENV{PYTHONPATH})
run_pytest_in(${WHEEL_DIR})
