# run_pytest_in(<folder>): runs the file TESTS of the Python tests there, with ${python}; fails where a test
# does.
function(run_pytest_in folder)
  set(ENV{PYTHONDONTWRITEBYTECODE} 1)
  execute_process(
    COMMAND ${python} -m pytest -q -rs -p no:cacheprovider ${SOURCE_DIR}/bindings/python/tests/${TESTS}
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${TESTS}: pytest exited with ${failed}")
  endif()
endfunction()
