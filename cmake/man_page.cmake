# cmake -DPROGRAM=… -DTEMPLATE=… -DOUTPUT=… -DVERSION=… -P man_page.cmake
# Fills a man page's template with the options that the program itself tells, so that the two cannot differ.
execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=STATE_DIRECTORY XDG_STATE_HOME=~/.local/state ${PROGRAM} --help
                OUTPUT_VARIABLE OPTIONS COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "^.*\nOptions:\n" "" OPTIONS "${OPTIONS}")
string(REPLACE "\\" "\\e" OPTIONS "${OPTIONS}")
string(REPLACE "-" "\\-" OPTIONS "${OPTIONS}")
string(REGEX REPLACE "\n+$" "" OPTIONS "${OPTIONS}")
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
