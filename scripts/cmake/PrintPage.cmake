# cmake -DPROGRAM=... -DWORDS="completion bash" -DOUT=file -P PrintPage.cmake: what the program prints, as a file.
cmake_minimum_required(VERSION 3.25)
separate_arguments(WORDS)
execute_process(COMMAND ${PROGRAM} ${WORDS} OUTPUT_VARIABLE text RESULT_VARIABLE code)
if(NOT code EQUAL 0 OR text STREQUAL "")
  list(JOIN WORDS " " words)
  message(FATAL_ERROR "attnbench ${words} printed nothing to install (${code})")
endif()
file(WRITE ${OUT} "${text}")
