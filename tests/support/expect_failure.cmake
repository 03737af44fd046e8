# cmake -DEXPECT=regex -P expect_failure.cmake -- command…
# Passes if the command fails and its output, with every run of blanks as one, matches.
cmake_minimum_required(VERSION 3.25)

set(command)
set(index 0)
while(NOT "${CMAKE_ARGV${index}}" STREQUAL "--")
  math(EXPR index "${index} + 1")
endwhile()
math(EXPR index "${index} + 1")
while(index LESS CMAKE_ARGC)
  list(APPEND command "${CMAKE_ARGV${index}}")
  math(EXPR index "${index} + 1")
endwhile()

execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " words "${output}")
if(result EQUAL 0)
  message(FATAL_ERROR "${output}\nThe command succeeded; it should have failed with: ${EXPECT}")
elseif(NOT words MATCHES "${EXPECT}")
  message(FATAL_ERROR "${output}\nThe command failed as it should, but without saying: ${EXPECT}")
endif()
