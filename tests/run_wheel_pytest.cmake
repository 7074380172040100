# Runs one file of Python tests on the installed wheel, from outside of the source tree:
#   cmake -D SOURCE_DIR=... -D WHEEL_DIR=... -D TESTS=test_x.py -P run_wheel_pytest.cmake
set(python ${WHEEL_DIR}/environment/bin/python)
if(NOT EXISTS ${python})
  message("SKIPPED: the wheel was not installed: see the test that builds it")
  return()
endif()
set(ENV{PYTHONDONTWRITEBYTECODE} 1)
unset(ENV{PYTHONPATH})
execute_process(
  COMMAND ${python} -m pytest -q -rs -p no:cacheprovider ${SOURCE_DIR}/bindings/python/tests/${TESTS}
  WORKING_DIRECTORY ${WHEEL_DIR} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${TESTS}: pytest exited with ${failed}")
endif()
