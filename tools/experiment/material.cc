#include "tools/experiment/material.h"

#include <algorithm>

#include "pema/error.h"

namespace pema::tools {
namespace {

std::int64_t count(const std::vector<data::Example>& examples) {
  return static_cast<std::int64_t>(examples.size());
}

}  // namespace

plm::Document to_document(const plm::LanguageModel& model, const data::Example& example,
                          std::int64_t max_target_tokens) {
  PEMA_CHECK(max_target_tokens >= 1, kInvalidArgument, "targets of at most ", max_target_tokens,
             " tokens hold nothing; use 1 or more");
  plm::Document document;
  try {
    document.prompt = model.tokenise(example.prompt);
    document.target = model.tokenise(example.target);
  } catch (const Error& error) {
    fail(error.code(), "example ", example.id, ": ", error.what());
  }
  PEMA_CHECK(!document.prompt.empty(), kInvalidArgument, "example ", example.id,
             ": its prompt has no tokens; give it at least one character");
  const auto limit = static_cast<std::size_t>(max_target_tokens);
  if (document.target.size() < limit) {
    document.target.push_back(model.end_of_text());
  } else {
    document.target.resize(limit);
  }
  return document;
}

std::vector<PersonMaterial> make_material(plm::LanguageModel& model,
                                          const std::vector<data::Person>& people,
                                          plm::FeatureCache& cache, const MaterialOptions& options,
                                          plm::FeatureCache::Counts* counts) {
  std::vector<plm::FeatureRequest> requests;
  requests.reserve(people.size());
  for (const data::Person& person : people) {
    plm::FeatureRequest request{person.key, {}};
    for (const auto* part : {&person.train, &person.dev, &person.test}) {
      for (const data::Example& example : *part) {
        request.documents.push_back(to_document(model, example, options.max_target_tokens));
      }
    }
    requests.push_back(std::move(request));
  }
  const std::vector<SampleSet> sets = cache.get(model, requests, options.features, counts);
  std::vector<PersonMaterial> material;
  material.reserve(people.size());
  for (std::size_t i = 0; i < people.size(); ++i) {
    const std::int64_t train = count(people[i].train);
    const std::int64_t dev = train + count(people[i].dev);
    const std::int64_t test = dev + count(people[i].test);
    material.push_back({people[i].key, sets[i].slice(0, train), sets[i].slice(train, dev),
                        sets[i].slice(dev, test)});
  }
  return material;
}

std::vector<const PersonMaterial*> pointers(const std::vector<PersonMaterial>& people) {
  std::vector<const PersonMaterial*> list;
  list.reserve(people.size());
  for (const PersonMaterial& person : people) list.push_back(&person);
  return list;
}

}  // namespace pema::tools
