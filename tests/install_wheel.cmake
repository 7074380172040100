# Builds the Python package's wheel and installs it into a new environment, with nothing else than
# what the tests need:
#   cmake -D SOURCE_DIR=... -D WHEEL_DIR=... -D COMPILER=c++ -D LAUNCHER=ccache -D WITH_TORCH=AUTO \
#     -P install_wheel.cmake
#
# By the compiler of the tests: another name of it would find nothing in the launcher's cache.
#
# Skips, and says so, where Python's packages cannot be had.
set(environment ${WHEEL_DIR}/environment)
set(requirements ${SOURCE_DIR}/bindings/python/tests/requirements.txt)
file(REMOVE_RECURSE ${environment} ${WHEEL_DIR}/wheel)
file(MAKE_DIRECTORY ${WHEEL_DIR})

execute_process(COMMAND python3 -m venv ${environment} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
set(pip ${environment}/bin/python -m pip --disable-pip-version-check -q)
if(NOT failed)
  execute_process(COMMAND ${pip} install --prefer-binary -r ${requirements}
                  RESULT_VARIABLE failed ERROR_VARIABLE why)
endif()
if(failed)
  file(REMOVE_RECURSE ${environment})
  string(REGEX MATCH "[^\n]*\n?$" why "${why}")
  message("SKIPPED: no environment with the packages of ${requirements}: ${why}")
  return()
endif()

# The build itself is pip's, isolated from the environment. Its folder is kept, so that the next one
# compiles what changed.
execute_process(
  COMMAND ${pip} wheel --no-deps -w ${WHEEL_DIR}/wheel ${SOURCE_DIR}/bindings/python
          -C build-dir=${WHEEL_DIR}/build
          -C cmake.define.CMAKE_CXX_COMPILER=${COMPILER}
          -C cmake.define.CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
          -C cmake.define.PERSENSE_WITH_TORCH=${WITH_TORCH}
  COMMAND_ERROR_IS_FATAL ANY)
file(GLOB wheel ${WHEEL_DIR}/wheel/persense-*.whl)
execute_process(COMMAND ${pip} install --no-deps ${wheel} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${pip} check COMMAND_ERROR_IS_FATAL ANY)
