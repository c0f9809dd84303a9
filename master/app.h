// App: the master's parts, wired together, from the first start to the last commit.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>

#include "common/app/watchdog.h"
#include "common/base/result.h"
#include "common/net/endpoint.h"
#include "master/core/broker.h"
#include "master/managers/server.h"
#include "master/net/native_server.h"
#include "master/store/store.h"

namespace reeve::master {

struct Options {
  Endpoint listen{"127.0.0.1", native_port_default};
  std::string data_dir;
  bool ephemeral = false;
  std::string backup_dir;  // where clients' backups go; empty: backups in the data directory
  std::string authkey;
  bool authkey_is_explicit = false;  // given by the user, not made at the first start
  std::string ready_file;            // empty: none
  Limits limits;
  ServerLimits server;
  managers::Options managers;
  std::vector<QueueOptions> queues;                  // that are there from the start
  std::vector<managers::ObjectDeclaration> objects;  // those of Python programs
};

class App {
 public:
  explicit App(Options options);
  ~App();

  // Opens the store, recovers, listens, says that it is ready. Errors are for a person.
  Result<void> start();
  // Until SIGTERM or SIGINT. Error: what was decided last could not be kept.
  Result<void> run();

 private:
  Result<void> open_store();
  Result<void> check_reachable(const Endpoint& listen) const;
  Result<void> listen_for_python();
  Result<void> declare();
  Result<void> announce();

  Options options_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  Watchdog watchdog_{io_};
  std::unique_ptr<Store> store_;
  std::vector<Recovered::Object> stored_objects_;  // until they are declared
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<NativeServer> server_;
  std::unique_ptr<managers::ManagersServer> managers_;  // none: Python programs are not listened to
};

}  // namespace reeve::master
