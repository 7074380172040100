# The tests that compare with what a Python script makes, and the tests that run the scripts before
# them.
#
# persense_from_python(<tag of the tests> <script> <test file> <what the script makes> [<Python>])
function(persense_from_python tag script source name)
  # not in the tests' own folder, where Python would import a folder named as a package
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/from_python/${tag})
  string(TOUPPER ${tag} variable)
  set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS PERSENSE_${variable}="${folder}")
  add_test(NAME "torch/${name}"
           COMMAND ${CMAKE_COMMAND} -D SCRIPT=${CMAKE_CURRENT_SOURCE_DIR}/${script} -D FOLDER=${folder}
                   -D "python=${ARGN}"
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/torch/run_script.cmake)
  set_tests_properties("torch/${name}" PROPERTIES
    LABELS torch FIXTURES_SETUP ${tag} SKIP_REGULAR_EXPRESSION "SKIPPED: ")
  catch_discover_tests(torch_tests
    TEST_SPEC "[${tag}]"
    TEST_PREFIX "torch/"
    EXTRA_ARGS ${catch_arguments}
    PROPERTIES LABELS torch SKIP_RETURN_CODE 4 FIXTURES_REQUIRED ${tag})
endfunction()

persense_from_python(end_to_end torch/end_to_end.py torch/end_to_end_test.cpp
                     "end to end: the method in plain Python")
persense_from_python(golden_sam torch/golden_sam.py torch/decoder_test.cpp
                     "golden SAM: is exported")
set(comparing $ENV{PERSENSE_PYTHON})  # the one with what tests compare with: see tests/run.sh
if(NOT comparing)
  set(comparing ${PROJECT_SOURCE_DIR}/build/python/bin/python)
endif()
persense_from_python(tokenizer torch/tokenizer.py torch/wordpiece_test.cpp
                     "tokenizer: transformers reads 10,000 texts" ${comparing})
persense_from_python(transformers torch/grounding.py torch/grounding_test.cpp
                     "grounding: transformers finds boxes")
set(exporting $ENV{PERSENSE_TORCH_PYTHON})  # the one with PyTorch and what runs ONNX models
if(NOT exporting)
  set(exporting ${PROJECT_SOURCE_DIR}/build/python-torch/bin/python)
endif()
persense_from_python(onnx torch/onnx_models.py torch/onnx_test.cpp
                     "onnx: small networks are exported in both formats" ${exporting})
set_property(SOURCE torch/onnx_test.cpp APPEND PROPERTY COMPILE_DEFINITIONS
  PERSENSE_HAS_ONNX=$<BOOL:${PERSENSE_ONNX}> PERSENSE_PLUGIN_PATH="$<TARGET_FILE:persense_torch_plugin>")
