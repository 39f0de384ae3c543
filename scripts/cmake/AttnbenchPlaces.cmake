# Where things are installed, and the same folders in the build tree.
include(GNUInstallDirs)
set(ATTNBENCH_MODULES_DIR ${CMAKE_INSTALL_LIBDIR}/attnbench)
set(ATTNBENCH_DATA_DIR ${CMAKE_INSTALL_DATADIR}/attnbench)
set(ATTNBENCH_HEADERS_DIR ${CMAKE_INSTALL_INCLUDEDIR}/attnbench)

# From the program's folder to the others: the program knows no absolute path of its own.
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_BINDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE bin)
foreach(folder MODULES DATA)
  cmake_path(ABSOLUTE_PATH ATTNBENCH_${folder}_DIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE place)
  file(RELATIVE_PATH ATTNBENCH_BIN_TO_${folder} ${bin} ${place})
endforeach()

# tree_link(NAME TARGET): in the build tree, NAME leads to TARGET, which need not be there yet. Relative, so that a
# checkout with its build may be moved.
function(tree_link name target)
  set(link ${PROJECT_BINARY_DIR}/${name})
  get_filename_component(folder ${link} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  file(RELATIVE_PATH target ${folder} ${target})
  file(CREATE_LINK ${target} ${link} SYMBOLIC)
endfunction()

foreach(module attnbench_kernels.so slowed links selftest)
  tree_link(lib/attnbench/${module} ${PROJECT_BINARY_DIR}/${module})
endforeach()
tree_link(share/attnbench/reports ${PROJECT_SOURCE_DIR}/reports)
tree_link(share/attnbench/data ${PROJECT_SOURCE_DIR}/harness/workload/data)
tree_link(share/attnbench/venv ${PROJECT_SOURCE_DIR}/build/venv)
