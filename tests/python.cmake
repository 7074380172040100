# The Python tests, one ctest test a file, label python. Those of the export run from the source tree
# with a PyTorch that is on the machine; those of training on what the wheels hold, beside that PyTorch;
# all others on installed wheels, in an environment of its own.
set(python_folder ${PROJECT_SOURCE_DIR}/bindings/python)
file(GLOB python_tests CONFIGURE_DEPENDS RELATIVE ${python_folder}
     ${python_folder}/tests/test_*.py ${python_folder}/training/tests/test_*.py)
set(on_source_tree "^training/tests/test_export_")
set(measure_times "^tests/test_(core_label|core_processes|examples_many_workers|examples_scripts)")
set(beside_torch "^training/tests/test_(average|calibrate|gpu_benchmark|held_out|mini|samples|stages|whole)")

set(wheel_folder ${PROJECT_BINARY_DIR}/python-wheel)
set(wheel_test "python/wheel: builds, and installs into an empty environment")
set(training_test "python/training wheel: builds, and installs beside persense")
if(NOT PERSENSE_SANITIZE)  # Python itself is built without, and the wheel with its own flags
  add_test(NAME "${wheel_test}"
           COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                   -D COMPILER=${CMAKE_CXX_COMPILER} -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -D WITH_TORCH=${PERSENSE_WITH_TORCH}
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/install_wheel.cmake)
  set_tests_properties("${wheel_test}" PROPERTIES
    LABELS python FIXTURES_SETUP python_wheel TIMEOUT 3600 SKIP_REGULAR_EXPRESSION "SKIPPED: ")
  add_test(NAME "${training_test}"
           COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                   -D COMPILER=${CMAKE_CXX_COMPILER} -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/install_training.cmake)
  set_tests_properties("${training_test}" PROPERTIES
    LABELS python FIXTURES_REQUIRED python_wheel FIXTURES_SETUP python_training TIMEOUT 3600
    SKIP_REGULAR_EXPRESSION "SKIPPED: ")
endif()

foreach(test IN LISTS python_tests)
  string(REPLACE "tests/" "" name python/${test})  # python/test_x.py, python/training/test_x.py
  set(fixture python_wheel)
  if(test MATCHES "^training/")
    set(fixture python_training)
  endif()
  if(test MATCHES "${on_source_tree}")
    add_test(NAME "${name}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D TESTS=${test}
                     -P ${CMAKE_CURRENT_SOURCE_DIR}/run_pytest.cmake)
  elseif(test MATCHES "${beside_torch}" AND TEST "${training_test}")
    add_test(NAME "${name}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                     -D TESTS=${test} -P ${CMAKE_CURRENT_SOURCE_DIR}/run_training_pytest.cmake)
    set_tests_properties("${name}" PROPERTIES
      FIXTURES_REQUIRED ${fixture} PROCESSORS 2 TIMEOUT 900)
  elseif(TEST "${wheel_test}")
    add_test(NAME "${name}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                     -D TESTS=${test} -P ${CMAKE_CURRENT_SOURCE_DIR}/run_wheel_pytest.cmake)
    set_tests_properties("${name}" PROPERTIES FIXTURES_REQUIRED ${fixture})
    if(test MATCHES "${measure_times}")
      set_tests_properties("${name}" PROPERTIES RUN_SERIAL ON)
    endif()
  else()
    continue()
  endif()
  set_tests_properties("${name}" PROPERTIES LABELS python SKIP_REGULAR_EXPRESSION "SKIPPED: ")
endforeach()
