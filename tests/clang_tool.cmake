# find_clang_tool(<name> <variable>): the tool of the major version that .clang-format and .clang-tidy were written for;
# empty, with a message by which a test is skipped, where it is not installed. Others format, and find, other things.
function(find_clang_tool name variable)
  set(version 14)
  find_program(tool NAMES ${name}-${version} ${name} NO_CACHE)
  if(tool)
    execute_process(COMMAND ${tool} --version OUTPUT_VARIABLE found COMMAND_ERROR_IS_FATAL ANY)
  endif()
  if(NOT found MATCHES "version ${version}\\.")
    message("SKIPPED: ${name} ${version} is not installed")
    set(tool "")
  endif()
  set(${variable} "${tool}" PARENT_SCOPE)
endfunction()
