# The Python tests, one ctest test a file, label python. Those of the export run from the source tree
# with a PyTorch that is on the machine; those of training on what the wheel holds, beside that PyTorch;
# all others on an installed wheel, in an environment of its own.
set(python_folder ${PROJECT_SOURCE_DIR}/bindings/python/tests)
file(GLOB python_tests CONFIGURE_DEPENDS RELATIVE ${python_folder} ${python_folder}/test_*.py)
set(on_source_tree "^test_(archive|countr|dsalvanet|grounding_dino|mini|mobile_sam|sam)")
set(beside_torch "^test_train_(mini|samples|stages|whole)")

set(wheel_folder ${PROJECT_BINARY_DIR}/python-wheel)
set(wheel_test "python/wheel: builds, and installs into an empty environment")
if(NOT PERSENSE_SANITIZE)  # Python itself is built without, and the wheel with its own flags
  add_test(NAME "${wheel_test}"
           COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                   -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -D WITH_TORCH=${PERSENSE_WITH_TORCH}
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/install_wheel.cmake)
  set_tests_properties("${wheel_test}" PROPERTIES
    LABELS python FIXTURES_SETUP python_wheel TIMEOUT 3600 SKIP_REGULAR_EXPRESSION "SKIPPED: ")
endif()

foreach(test IN LISTS python_tests)
  if(test MATCHES "${on_source_tree}")
    add_test(NAME "python/${test}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D TESTS=${test}
                     -P ${CMAKE_CURRENT_SOURCE_DIR}/run_pytest.cmake)
  elseif(test MATCHES "${beside_torch}" AND TEST "${wheel_test}")
    add_test(NAME "python/${test}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                     -D TESTS=${test} -P ${CMAKE_CURRENT_SOURCE_DIR}/run_train_pytest.cmake)
    set_tests_properties("python/${test}" PROPERTIES
      FIXTURES_REQUIRED python_wheel PROCESSORS 2 TIMEOUT 900)
  elseif(TEST "${wheel_test}")
    add_test(NAME "python/${test}"
             COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${PROJECT_SOURCE_DIR} -D WHEEL_DIR=${wheel_folder}
                     -D TESTS=${test} -P ${CMAKE_CURRENT_SOURCE_DIR}/run_wheel_pytest.cmake)
    set_tests_properties("python/${test}" PROPERTIES
      FIXTURES_REQUIRED python_wheel RUN_SERIAL ON)  # they measure times
  else()
    continue()
  endif()
  set_tests_properties("python/${test}" PROPERTIES LABELS python SKIP_REGULAR_EXPRESSION "SKIPPED: ")
endforeach()
