# cmake -DNM=nm -DOBJECTS=object,object -P no_shared_kernels.cmake
# Objects compiled for different processors share no function of strata: the linker would keep one, and a part of the
# program would run code that was compiled for another processor.
cmake_minimum_required(VERSION 3.25)

# Shared on purpose: an error that one unit throws is caught in another.
set(allowed "^_ZN6strata(6concat|5raise|[0-9]+([a-z]+_)?error[CD])")

string(REPLACE "," ";" OBJECTS "${OBJECTS}")
set(seen)
set(shared)
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} --defined-only --format=posix ${object} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  # "name type address size"; functions that other objects see are T and W
  string(REGEX MATCHALL "[^ \n]*6strata[^ \n]* [TW] " symbols "${text}")
  foreach(symbol IN LISTS symbols)
    if(symbol IN_LIST seen AND NOT symbol MATCHES "${allowed}")
      list(APPEND shared ${symbol})
    endif()
  endforeach()
  list(APPEND seen ${symbols})
endforeach()

if(NOT seen)
  message(FATAL_ERROR "No function of strata in ${OBJECTS}")
endif()
if(shared)
  list(JOIN shared "\n  " shared)
  message(FATAL_ERROR "Functions in more than one object (c++filt reads them):\n  ${shared}")
endif()
