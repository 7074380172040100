# Runs one file of the training's tests on what the wheels hold, beside a PyTorch that is on the machine:
#   cmake -D SOURCE_DIR=... -D WHEEL_DIR=... -D TESTS=training/tests/test_x.py -P run_training_pytest.cmake
#
# Skips, and says so, where there is no wheel, or no PyTorch for the Python that it was built for.
include(${CMAKE_CURRENT_LIST_DIR}/torch_python.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/pytest_file.cmake)
file(GLOB wheel ${WHEEL_DIR}/training-wheel/persense_training-*.whl)
if(NOT wheel)
  message("SKIPPED: the wheel was not built: see the test that builds it")
  return()
endif()
execute_process(
  COMMAND ${python} -c "import sys, pytest, torch, cv2, tqdm; print('-cp%d%d-' % sys.version_info[:2])"
  RESULT_VARIABLE missing OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_VARIABLE why)
if(missing)
  string(REGEX MATCH "[^\n]*\n?$" why "${why}")
  message("SKIPPED: ${python} lacks what training, or its tests, need: ${why}")
  return()
endif()
if(NOT wheel MATCHES "${version}")
  message("SKIPPED: ${python} cannot load ${wheel}, which is for another Python")
  return()
endif()
set(ENV{PYTHONPATH} ${WHEEL_DIR}/beside-torch)
run_pytest_in(${WHEEL_DIR})
