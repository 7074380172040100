# The library's dynamic symbols must be the functions that persense.h declares: no more, no less.
execute_process(COMMAND ${CC} -E -P ${HEADER} OUTPUT_VARIABLE declarations COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "persense_[a-z0-9_]+\\(" declared "${declarations}")  # callbacks end with "("
list(TRANSFORM declared REPLACE "\\($" "")
list(LENGTH declared count)
if(count LESS 30)
  message(FATAL_ERROR "${HEADER}: ${count} functions found, expected at least 30")
endif()

execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "\n" ";" symbols "${symbols}")
list(TRANSFORM symbols REPLACE "^[0-9a-f]+ . ([^@]+).*$" "\\1")
list(REMOVE_ITEM symbols "")

set(missing ${declared})
list(REMOVE_ITEM missing ${symbols})
set(extra ${symbols})
list(REMOVE_ITEM extra ${declared})
if(missing OR extra)
  message(FATAL_ERROR "${LIBRARY}: not exported: ${missing}; exported though not in the header: ${extra}")
endif()
message("${count} functions")
