# CwPublicHeaders.cmake - what is in a folder include/chanway is public: installed, documented, tested
# to compile alone. No list to keep.

# cw_add_public_headers(<target>): those of the current folder.
function(cw_add_public_headers target)
    file(GLOB headers CONFIGURE_DEPENDS include/chanway/*.h)
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
endfunction()
