# Every dependency is a Debian 12 package; deploy/install-deps.sh lists the packages.

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

# Boost 1.81 beside Debian's default 1.74: libboost1.81-dev puts its headers in the usual place.
find_package(Boost 1.81 REQUIRED)

# Asio and Boost.JSON are compiled once (common/net/boost_impl.cc), not in every file that uses them.
add_library(reeve_boost INTERFACE)
target_link_libraries(reeve_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(reeve_boost INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_JSON_NO_LIB)
