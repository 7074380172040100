# Fails when a source is longer than what one can keep in mind. Tests and network definitions may be.
set(most 450)
file(GLOB_RECURSE files RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/include/*.hpp ${SOURCE_DIR}/src/*.[ch]pp
     ${SOURCE_DIR}/src/*.html ${SOURCE_DIR}/src/*.css ${SOURCE_DIR}/src/*.js
     ${SOURCE_DIR}/capi/*.[ch] ${SOURCE_DIR}/capi/*.[ch]pp ${SOURCE_DIR}/bindings/*.cpp ${SOURCE_DIR}/bindings/*.py
     ${SOURCE_DIR}/examples/*.[ch] ${SOURCE_DIR}/examples/*.[ch]pp ${SOURCE_DIR}/examples/*.py
     ${SOURCE_DIR}/benchmarks/*.[ch]pp ${SOURCE_DIR}/benchmarks/*.py ${SOURCE_DIR}/cmake/*.cmake)
list(FILTER files EXCLUDE REGEX "tests/|networks/|_test[.]|/build/|_core[.]pyi")
if(NOT files)
  message(FATAL_ERROR "no source below ${SOURCE_DIR}")
endif()
foreach(file IN LISTS files)
  file(READ ${SOURCE_DIR}/${file} text)
  string(REGEX REPLACE "[^\n]" "" text "${text}")
  string(LENGTH "${text}" lines)
  if(lines GREATER most)
    message(SEND_ERROR "${file}: has ${lines} lines, expected at most ${most}")
  endif()
endforeach()
