# The man page and the shells' completions, as the program prints them: made whenever it is linked. Included where its
# target is made. Not for builds that are only tested: with sanitizers, or for another processor.
if(ATTNBENCH_PAGES AND NOT ATTNBENCH_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  foreach(row "attnbench.1|manual" "attnbench.bash|completion bash" "_attnbench|completion zsh"
          "attnbench.fish|completion fish")
    string(REGEX MATCH "^(.*)\\|(.*)$" row ${row})
    add_custom_command(TARGET attnbench POST_BUILD VERBATIM
      COMMAND ${CMAKE_COMMAND} -DOUT=${PROJECT_BINARY_DIR}/pages/${CMAKE_MATCH_1} "-DWORDS=${CMAKE_MATCH_2}"
              -DPROGRAM=$<TARGET_FILE:attnbench>
              -P ${PROJECT_SOURCE_DIR}/scripts/cmake/PrintPage.cmake)
  endforeach()
  install(FILES ${PROJECT_BINARY_DIR}/pages/attnbench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
  install(FILES ${PROJECT_BINARY_DIR}/pages/attnbench.bash RENAME attnbench COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${PROJECT_BINARY_DIR}/pages/_attnbench COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${PROJECT_BINARY_DIR}/pages/attnbench.fish COMPONENT runtime
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
