# cmake -DBUILD=… -DSOURCE=… -DEXAMPLE=… -DCXX=… -DWORK=… -P check.cmake
file(REMOVE_RECURSE ${WORK})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/usr OUTPUT_QUIET
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/usr
                        -DCMAKE_CXX_COMPILER=${CXX} -DEXAMPLE=${EXAMPLE} OUTPUT_QUIET
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
# Without a master it says so, and how to go on.
execute_process(COMMAND ${CMAKE_COMMAND} -E env REEVE_MASTER=127.0.0.1:1 REEVE_AUTHKEY=0123456789abcdef
                        ${WORK}/build/square
                RESULT_VARIABLE code ERROR_VARIABLE said)
if(NOT code EQUAL 1 OR NOT said MATCHES "cannot reach 127.0.0.1:1")
  message(FATAL_ERROR "the installed program ended with ${code} and said: ${said}")
endif()
