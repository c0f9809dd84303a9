// Random histories: after every batch the durable store answers like the store in memory, and after a restart
// it recovers what a plain model of the records' rules holds.
#include <gtest/gtest.h>

#include <random>

#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/store/random_history.h"

namespace reeve::master {
namespace {

TEST(StoreModelTest, RandomHistoriesSurviveRestarts) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const TempDir dir;
  History history{seed};
  MemoryStore memory;
  ASSERT_TRUE(memory.open());
  for (int life = 0; life < 15; ++life) {
    SqliteStore store{{.data_dir = dir.path()}};
    const auto recovered = store.open();
    ASSERT_TRUE(recovered) << recovered.error().detail;
    ASSERT_EQ(model_of(*recovered).text(), history.model().text());
    for (int i = 0; i < 30; ++i) {
      Records records = history.next();
      Records twin = records;
      ASSERT_TRUE(store.apply(records));
      ASSERT_TRUE(memory.apply(twin));
    }
    ASSERT_EQ(outcomes_text(store, history.model()), outcomes_text(memory, history.model()));
  }
}

}  // namespace
}  // namespace reeve::master
