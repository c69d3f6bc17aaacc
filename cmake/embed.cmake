# embed.cmake - run by CMake at build time: the bytes of INPUTS as a C array SYMBOL in the folder OUTPUT.

set(bytes "")
set(size 0)
set(names "")
foreach(input IN LISTS INPUTS)
    file(READ ${input} more HEX)
    string(APPEND bytes "${more}")
    file(SIZE ${input} more)
    math(EXPR size "${size} + ${more}")
    get_filename_component(name ${input} NAME)
    string(APPEND names " ${name}")
endforeach()

string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
string(TOUPPER ${SYMBOL} guard)

file(WRITE ${OUTPUT}/${SYMBOL}.h "/* Made from${names}. */
#ifndef ${guard}_H
#define ${guard}_H

#include <stddef.h>

extern const char ${SYMBOL}[];
extern const size_t ${SYMBOL}_size;

#endif
")
file(WRITE ${OUTPUT}/${SYMBOL}.c "/* Made from${names}. */
#include \"${SYMBOL}.h\"

const char ${SYMBOL}[] = {
${bytes}
'\\0'};
const size_t ${SYMBOL}_size = ${size};
")
