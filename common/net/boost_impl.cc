// The one file in which Asio and Boost.JSON are compiled; everybody else only sees their declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/json/src.hpp>
