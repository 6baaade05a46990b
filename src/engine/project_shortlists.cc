#include "src/engine/project_shortlists.h"

#include <algorithm>
#include <array>

#include "kernels/head_product.h"

namespace pema::engine {
namespace {

constexpr std::int64_t kWordsPerTask = 64;

/// Words [begin, end) of one row's shortlist.
struct Task {
  const ListedRow* row = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

void add_deltas(const Context& context, const Task& task) {
  kernels::Shortlist& list = *task.row->row->shortlist;
  std::array<const float*, kWordsPerTask> head{};
  for (std::int64_t i = task.begin; i < task.end; ++i) {
    head[static_cast<std::size_t>(i - task.begin)] =
        context.head->weight.row(list.words[static_cast<std::size_t>(i)]);
  }
  const float* delta = task.row->delta;
  float* personal = list.personal.data() + task.begin;
  kernels::dot_rows({nullptr, 0, head.data()}, 0, task.end - task.begin, context.model.hidden,
                    {&delta, 1}, {&personal, 1}, true);
}

}  // namespace

void project_shortlists(Context& context, std::span<const ListedRow> rows) {
  const auto vocab = static_cast<std::size_t>(context.model.vocab);
  context.pool.run(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const ListedRow& row = rows[static_cast<std::size_t>(r)];
      row.row->shortlist =
          kernels::make_shortlist({row.logits, vocab}, context.options.neglected_mass, row.scratch);
      row.row->shortlist->personal = row.row->shortlist->base;
    }
  });
  std::vector<Task> tasks;
  for (const ListedRow& row : rows) {
    const std::int64_t words = std::ssize(row.row->shortlist->words);
    for (std::int64_t begin = 0; begin < words; begin += kWordsPerTask) {
      tasks.push_back({&row, begin, std::min(words, begin + kWordsPerTask)});
    }
  }
  context.pool.run(std::ssize(tasks), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      add_deltas(context, tasks[static_cast<std::size_t>(t)]);
  });
}

}  // namespace pema::engine
