# cmake -DSOURCE=file -DCOMPILER=compiler -DINCLUDES=folders -P must_not_compile.cmake
# The source compiles; with -DMISTAKE it does not, for the reason that its line "// error: regex" gives.
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM INCLUDES PREPEND -I)
set(compile ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDES} ${SOURCE})

file(STRINGS ${SOURCE} expected REGEX "^// error: ")
string(REPLACE "// error: " "" expected "${expected}")

execute_process(COMMAND ${compile} RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${output}\n${SOURCE} does not compile without its mistake")
endif()
execute_process(COMMAND ${compile} -DMISTAKE RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles with its mistake")
elseif(NOT expected OR NOT output MATCHES "${expected}")
  message(FATAL_ERROR "${output}\n${SOURCE} does not compile with its mistake, but not because of: ${expected}")
endif()
