# cmake -DFILE=... -DTEXT=... -DREPLACEMENT=... -DOUT=... -P mutate.cmake
# Writes FILE to OUT with the text that the file TEXT holds replaced by that of the file REPLACEMENT.
# The text must stand in FILE exactly once.
cmake_minimum_required(VERSION 3.24)

file(READ ${FILE} content)
file(READ ${TEXT} text)
file(READ ${REPLACEMENT} replacement)
string(REPLACE "${text}" "" without "${content}")
string(LENGTH "${content}" all)
string(LENGTH "${without}" left)
string(LENGTH "${text}" length)
math(EXPR count "(${all} - ${left}) / ${length}")
if(NOT count EQUAL 1)
  message(FATAL_ERROR "A seeded fault replaces a text of ${FILE} that must stand there once, but stands "
    "there ${count} times:\n${text}\n"
    "Bring the table of tests/cuda/faults/CMakeLists.txt in step with the kernel.")
endif()
string(REPLACE "${text}" "${replacement}" content "${content}")
file(REMOVE ${OUT})  # lest it be a link to the kernel itself, from an earlier table
file(WRITE ${OUT} "${content}")
