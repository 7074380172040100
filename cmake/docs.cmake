# The reference documentation: Doxygen for the headers, C++ and C, and pdoc for the Python package.
#   cmake -D SOURCE_DIR=... -D OUTPUT=... -D VERSION=0.1.0 -P docs.cmake
#
# A warning of Doxygen is an error. pdoc is installed into an environment of its own, as tests ask whether build/python
# has what they need; where pip cannot, the Python part is left out, and said so.
find_program(doxygen doxygen)
if(NOT doxygen)
  message(FATAL_ERROR "doxygen is not installed, expected in the path (package doxygen)")
endif()
file(MAKE_DIRECTORY ${OUTPUT})
set(guides ${SOURCE_DIR}/README.md)  # which link one another
foreach(folder IN ITEMS benchmarks bindings capi cmake examples include src)
  file(GLOB_RECURSE pages ${SOURCE_DIR}/${folder}/README.md)
  list(APPEND guides ${pages})
endforeach()
file(READ ${SOURCE_DIR}/cmake/Doxyfile settings)
list(JOIN guides " " guides)
file(WRITE ${OUTPUT}/Doxyfile "${settings}
PROJECT_NUMBER         = ${VERSION}
INPUT                  = ${SOURCE_DIR}/include/persense ${SOURCE_DIR}/capi/persense.h ${SOURCE_DIR}/capi/persense_base.h ${guides}
USE_MDFILE_AS_MAINPAGE = ${SOURCE_DIR}/README.md
IMAGE_PATH             = ${SOURCE_DIR}/examples/data ${SOURCE_DIR}/src ${SOURCE_DIR}/bindings ${SOURCE_DIR}/benchmarks
STRIP_FROM_PATH        = ${SOURCE_DIR}
STRIP_FROM_INC_PATH    = ${SOURCE_DIR}/include ${SOURCE_DIR}/capi
OUTPUT_DIRECTORY       = ${OUTPUT}
HTML_OUTPUT            = cpp
")
execute_process(COMMAND ${doxygen} ${OUTPUT}/Doxyfile RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "doxygen: the comments that it warns of are named above")
endif()
message("${OUTPUT}/cpp/index.html: C++ and C")

set(environment ${OUTPUT}/environment)
set(python ${environment}/bin/python)
if(NOT EXISTS ${python})
  execute_process(COMMAND python3 -m venv ${environment} OUTPUT_QUIET ERROR_QUIET)
endif()
execute_process(COMMAND ${python} -m pip install -q --disable-pip-version-check --prefer-binary pdoc numpy
                RESULT_VARIABLE failed ERROR_VARIABLE why OUTPUT_QUIET)
if(failed)
  string(REGEX MATCH "[^\n]*\n?$" why "${why}")
  message("Python is left out: pdoc could not be installed into ${environment}: ${why}")
  return()
endif()
execute_process(COMMAND ${python} ${CMAKE_CURRENT_LIST_DIR}/python_docs.py ${SOURCE_DIR}/bindings/python/persense
                        ${OUTPUT}/python
                COMMAND_ERROR_IS_FATAL ANY)
message("${OUTPUT}/python/index.html: Python")
