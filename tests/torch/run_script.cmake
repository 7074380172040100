# Runs a Python script that makes what tests compare with:
# cmake -D SCRIPT=... -D FOLDER=... [-D python=...] -P run_script.cmake
if(NOT python)
  include(${CMAKE_CURRENT_LIST_DIR}/../torch_python.cmake)
endif()
set(skipped 4)
execute_process(COMMAND ${python} -B ${SCRIPT} ${FOLDER} RESULT_VARIABLE failed)
if(failed MATCHES "[^0-9]")
  message("SKIPPED: ${python}: ${failed}")
elseif(failed AND NOT failed EQUAL skipped)
  message(FATAL_ERROR "${SCRIPT}: exited with ${failed}")
endif()
