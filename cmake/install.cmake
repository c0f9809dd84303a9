# What `cmake --install` puts where, beside the client library (client/package.cmake) and reeve(1) (client/cli):
# programs, <reeve/plugin.h>, man pages, completions, systemd units, sample settings.

install(TARGETS reeve-master reeve-worker reeve RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# find_package(reeve) also gives reeve::plugin: one header, nothing to link.
add_library(reeve_plugin INTERFACE)
target_include_directories(reeve_plugin INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(reeve_plugin PROPERTIES EXPORT_NAME plugin)
install(TARGETS reeve_plugin EXPORT reeve)
install(FILES worker/include/reeve/plugin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/reeve)

# Man pages and completions are made by the programs they are about.
set(made_dir ${PROJECT_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${made_dir})
set(made)
foreach(shell bash zsh fish)
  set(out ${made_dir}/reeve.${shell})
  add_custom_command(OUTPUT ${out} COMMAND reeve completion ${shell} > ${out} DEPENDS reeve VERBATIM)
  list(APPEND made ${out})
endforeach()
foreach(program reeve-master reeve-worker)
  set(template ${PROJECT_SOURCE_DIR}/docs/man/${program}.8.in)
  set(out ${made_dir}/${program}.8)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${program}> -DTEMPLATE=${template} -DOUTPUT=${out}
            -DVERSION=${PROJECT_VERSION} -P ${PROJECT_SOURCE_DIR}/cmake/man_page.cmake
    DEPENDS ${program} ${template} ${PROJECT_SOURCE_DIR}/cmake/man_page.cmake VERBATIM)
  list(APPEND made ${out})
endforeach()
add_custom_target(reeve_manuals ALL DEPENDS ${made})

install(FILES ${made_dir}/reeve-master.8 ${made_dir}/reeve-worker.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${made_dir}/reeve.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME reeve)
install(FILES ${made_dir}/reeve.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _reeve)
install(FILES ${made_dir}/reeve.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# The units name the programs where they are, which only the installation knows: `cmake --install --prefix` may differ from
# the prefix of the configuration.
install(CODE "set(made_dir \"${made_dir}\")
set(template_dir \"${PROJECT_SOURCE_DIR}/deploy/systemd\")
set(reeve_bindir \"${CMAKE_INSTALL_BINDIR}\")")
install(CODE [[
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX NORMALIZE OUTPUT_VARIABLE prefix)
cmake_path(ABSOLUTE_PATH reeve_bindir BASE_DIRECTORY "${prefix}" NORMALIZE)
foreach(unit reeve-master reeve-worker)
  configure_file("${template_dir}/${unit}.service.in" "${made_dir}/${unit}.service" @ONLY)
  file(INSTALL "${made_dir}/${unit}.service" DESTINATION "${prefix}/lib/systemd/system")
endforeach()
]])
install(FILES deploy/systemd/reeve.sysusers DESTINATION lib/sysusers.d RENAME reeve.conf)
install(FILES deploy/config/master.toml deploy/config/worker.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/reeve/config)
# The documentation in the places that its pages link to.
foreach(page README.md docs/*.md docs/decisions/*.md proto/README.md proto/reeve.proto bench/README.md tests/fault/README.md
             client/examples/*.cc deploy/config/*.toml)
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/${page})
  foreach(file ${found})
    cmake_path(GET file PARENT_PATH dir)
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${dir})
  endforeach()
endforeach()
