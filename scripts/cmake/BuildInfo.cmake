# Writes build_info.h; run on every build, touches the file only when something changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown: not a git checkout")
else()
  execute_process(COMMAND git -C ${SOURCE} status --porcelain -- kernels reference harness
                  OUTPUT_VARIABLE dirty ERROR_QUIET)
  if(dirty)
    string(APPEND commit "-dirty")
  endif()
endif()
set(text "/* Generated. */
#define BUILD_COMMIT \"${commit}\"
#define BUILD_COMPILER \"${COMPILER}\"
#define BUILD_FLAGS \"${FLAGS}\"
#define BUILD_TYPE \"${BUILD_TYPE}\"
#define BUILD_VERSION \"${VERSION}\"
")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE ${OUT} "${text}")
endif()
