# fill.cmake - a template with the text of a file in the place of @VARIABLE@ (run by CwPackage.cmake).
file(READ ${PART} ${VARIABLE})
string(REGEX REPLACE "\n$" "" ${VARIABLE} "${${VARIABLE}}")
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
