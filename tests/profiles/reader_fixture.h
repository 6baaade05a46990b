/// A store with one pool, for tests of ProfileReader.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "pema/profile_reader.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {

struct ReaderFixture : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  ProfileRecord record;

  void put(const std::string& name, double lambda) {
    ProfileDraft draft = draft_of(name, pool);
    draft.schedule.lambda_max = lambda;
    store.put_profile(draft, OnExisting::kReplace);
  }
  /// -1 when there is no such profile.
  static double lambda(ProfileReader& reader, const std::string& name) {
    ProfileRecord found;
    return reader.find(name, found) ? found.schedule.lambda_max : -1.0;
  }
};

}  // namespace pema::test
