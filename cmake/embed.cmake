# embed.cmake - run by CMake at build time: INPUT's bytes as a C array SYMBOL in the folder OUTPUT.

file(READ ${INPUT} bytes HEX)
file(SIZE ${INPUT} size)
get_filename_component(name ${INPUT} NAME)

string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
string(TOUPPER ${SYMBOL} guard)

file(WRITE ${OUTPUT}/${SYMBOL}.h "/* Made from ${name}. */
#ifndef ${guard}_H
#define ${guard}_H

#include <stddef.h>

extern const char ${SYMBOL}[];
extern const size_t ${SYMBOL}_size;

#endif
")
file(WRITE ${OUTPUT}/${SYMBOL}.c "/* Made from ${name}. */
#include \"${SYMBOL}.h\"

const char ${SYMBOL}[] = {
${bytes}
'\\0'};
const size_t ${SYMBOL}_size = ${size};
")
