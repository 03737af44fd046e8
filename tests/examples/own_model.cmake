# own_model succeeds, adds up, loses something with few edges and nothing with all.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
foreach(expected IN ITEMS "contributions add up to within [0-9]e[+-][0-9]+" "2 of 115 edges: KL 0\\.[1-9]"
    "115 of 115 edges: KL 0\\.0000, TV 0\\.0000" "best edge: ")
  if(NOT printed MATCHES "${expected}")
    message(FATAL_ERROR "own_model does not print \"${expected}\":\n${printed}")
  endif()
endforeach()
