# The tests that compare with end_to_end.py, and the test that runs it before them.
set(end_to_end ${CMAKE_CURRENT_BINARY_DIR}/end_to_end)
set_source_files_properties(torch/end_to_end_test.cpp PROPERTIES
  COMPILE_DEFINITIONS PERSENSE_END_TO_END="${end_to_end}")
add_test(NAME "torch/end to end: the method in plain Python"
         COMMAND ${CMAKE_COMMAND} -D SCRIPT=${CMAKE_CURRENT_SOURCE_DIR}/torch/end_to_end.py
                 -D FOLDER=${end_to_end} -P ${CMAKE_CURRENT_SOURCE_DIR}/run_end_to_end.cmake)
set_tests_properties("torch/end to end: the method in plain Python" PROPERTIES
  LABELS torch FIXTURES_SETUP end_to_end SKIP_REGULAR_EXPRESSION "SKIPPED: ")
catch_discover_tests(torch_tests
  TEST_SPEC "[end_to_end]"
  TEST_PREFIX "torch/"
  EXTRA_ARGS ${catch_arguments}
  PROPERTIES LABELS torch SKIP_RETURN_CODE 4 FIXTURES_REQUIRED end_to_end)
