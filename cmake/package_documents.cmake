# Run by cpack when the files of a Debian package lie in their places: Debian's policy wants copyright and
# changelog of each package in a folder of the package's name.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
file(READ ${source}/NOTICE notice)
string(REPLACE "\nCopyright" "\n\nCopyright" notice "${notice}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(CONCAT changelog "persense (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
  "  * See changelog.gz for what is new.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} name)
  set(folder ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME})
  file(WRITE ${folder}/copyright
       "${notice}\nOn Debian systems the whole Apache License is in /usr/share/common-licenses/Apache-2.0.\n")
  file(WRITE ${folder}/changelog.Debian "${changelog}")
  configure_file(${source}/CHANGELOG.md ${folder}/changelog COPYONLY)
  execute_process(COMMAND gzip -9nf ${folder}/changelog.Debian ${folder}/changelog COMMAND_ERROR_IS_FATAL ANY)
  file(CHMOD ${folder}/changelog.Debian.gz ${folder}/changelog.gz ${folder}/copyright
       PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endforeach()
