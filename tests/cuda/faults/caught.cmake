# cmake -DSOUND=... -DBROKEN=... -DCASE=... -DREPORT=... -DKERNEL=... -P caught.cmake
# Runs the tests whose names contain CASE in both programs. SOUND must pass without a report; BROKEN
# must fail in a test CASE, with a report of the kind REPORT that names KERNEL, or, where REPORT is
# "numbers", with no report at all.
cmake_minimum_required(VERSION 3.24)

execute_process(COMMAND ${SOUND} ${CASE} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
string(FIND "${text}" "CUDA emulation: " report)
if(NOT status EQUAL 0 OR NOT report EQUAL -1)
  message(FATAL_ERROR "Without the fault, ${SOUND} ${CASE} must pass in silence; status ${status}:\n${text}")
endif()

execute_process(COMMAND ${BROKEN} ${CASE} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
message("${text}")
if(NOT status EQUAL 1 OR NOT text MATCHES "FAILED  ${CASE}\n")
  message(FATAL_ERROR "The fault was not caught: ${BROKEN} ${CASE} must fail; status ${status}")
endif()
string(REGEX MATCH "CUDA emulation: [^\n]*" report "${text}")
if(REPORT STREQUAL "numbers")
  if(report)
    message(FATAL_ERROR "The numbers should have told, but there is a report: ${report}")
  endif()
elseif(NOT report MATCHES "^CUDA emulation: (${REPORT}): " OR NOT text MATCHES "\n  kernel [^\n]*${KERNEL}")
  message(FATAL_ERROR "Expected a report of the kind \"${REPORT}\" in ${KERNEL}, found: ${report}")
endif()
