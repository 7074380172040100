# run_pytest_in(<folder>): runs the file TESTS of bindings/python there, with ${python}; fails where a test
# does, and skips where the file does as a whole, because something that it needs is missing.
function(run_pytest_in folder)
  set(ENV{PYTHONDONTWRITEBYTECODE} 1)
  set(ENV{PYTEST_DISABLE_PLUGIN_AUTOLOAD} 1)  # napari's alone takes seconds, in every file
  execute_process(
    COMMAND ${python} -m pytest -q -rs -p no:cacheprovider ${SOURCE_DIR}/bindings/python/${TESTS}
    WORKING_DIRECTORY ${folder} RESULT_VARIABLE failed)
  if(failed EQUAL 5)  # no test was collected
    message("SKIPPED: ${TESTS}: ${python} lacks what it needs")
  elseif(failed)
    message(FATAL_ERROR "${TESTS}: pytest exited with ${failed}")
  endif()
endfunction()
