# Builds the training package's wheel and installs it beside persense, which install_wheel.cmake
# installed; unpacks both, for the tests that need PyTorch:
#   cmake -D SOURCE_DIR=... -D WHEEL_DIR=... -D COMPILER=c++ -D LAUNCHER=ccache -P install_training.cmake
#
# Without PyTorch and OpenCV, which it depends on: its tests know where to find them.
set(python ${WHEEL_DIR}/environment/bin/python)
if(NOT EXISTS ${python})
  message("SKIPPED: the wheel was not installed: see the test that builds it")
  return()
endif()
set(pip ${python} -m pip --disable-pip-version-check -q)
file(REMOVE_RECURSE ${WHEEL_DIR}/training-wheel ${WHEEL_DIR}/beside-torch)
execute_process(
  COMMAND ${pip} wheel --no-deps -w ${WHEEL_DIR}/training-wheel ${SOURCE_DIR}/bindings/python/training
          -C build-dir=${WHEEL_DIR}/training-build
          -C cmake.define.CMAKE_CXX_COMPILER=${COMPILER}
          -C cmake.define.CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
  COMMAND_ERROR_IS_FATAL ANY)
file(GLOB wheel ${WHEEL_DIR}/training-wheel/persense_training-*.whl)
execute_process(COMMAND ${pip} install --no-deps --force-reinstall ${wheel} COMMAND_ERROR_IS_FATAL ANY)

# Unpacked, not installed: the NumPy of the wheels' environment is not the one that PyTorch knows.
file(GLOB wheels ${WHEEL_DIR}/wheel/persense-*.whl ${wheel})
foreach(each IN LISTS wheels)
  file(ARCHIVE_EXTRACT INPUT ${each} DESTINATION ${WHEEL_DIR}/beside-torch)
endforeach()
