# Run at installation: copies each planted bug that was built, FROM/KIND/NAME.so, and the diff whose head describes it.
cmake_path(ABSOLUTE_PATH to BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}) # file(INSTALL) adds DESTDIR
foreach(kind mutants antimutants)
  file(GLOB modules ${from}/${kind}/*.so)
  foreach(module IN LISTS modules)
    string(REGEX REPLACE "\\.so$" ".diff" diff ${module})
    if(EXISTS ${diff})
      file(INSTALL ${module} ${diff} DESTINATION ${to}/${kind} MESSAGE_NEVER)
    endif()
  endforeach()
endforeach()
message(STATUS "Installed: planted bugs in ${to}")
