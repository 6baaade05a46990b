#include <string>
#include <utility>

#include "tools/report/report_sections.h"
#include "tools/report/report_text.h"

namespace pema::tools::report {
namespace {

/// A list of named facts; a fact without a value is left out.
class Facts {
 public:
  void add(const char* name, const std::string& plain) {
    if (!plain.empty()) add_markup(name, escape(plain));
  }
  void add_code(const char* name, const std::string& plain) {
    if (!plain.empty()) add_markup(name, "<code>" + escape(plain) + "</code>");
  }
  [[nodiscard]] std::string str() const {
    return rows_.empty() ? "" : "<dl class=\"facts\">\n" + rows_ + "</dl>\n";
  }

 private:
  void add_markup(const char* name, const std::string& markup) {
    rows_ += std::string("<dt>") + name + "</dt><dd>" + markup + "</dd>\n";
  }
  std::string rows_;
};

/// "a, b, c" of the parts that are there.
class Parts {
 public:
  void add(const std::string& part) {
    if (part.empty()) return;
    joined_ += (joined_.empty() ? "" : ", ") + part;
  }
  void add(const char* before, const Number& value, int digits, const char* after) {
    if (value) add(before + fixed(*value, digits) + after);
  }
  [[nodiscard]] const std::string& str() const { return joined_; }

 private:
  std::string joined_;
};

std::string people_fact(const Json& report) {
  Parts parts;
  parts.add("", number(report, "pool_people"), 0, " to train the pool");
  parts.add("", number(report, "new_people"), 0, " new");
  return parts.str().empty() ? "" : parts.str() + "; nobody is in both";
}

std::string tokens_fact(const Json& report) {
  Parts parts;
  parts.add("", number(report, "train_tokens"), 0, " train");
  parts.add("", number(report, "dev_tokens"), 0, " dev");
  parts.add("", number(report, "test_tokens"), 0, " test");
  return parts.str();
}

std::string model_fact(const Json& model) {
  Parts parts;
  parts.add(text(model, "name"));
  parts.add("hidden width ", number(model, "hidden"), 0, "");
  parts.add("vocabulary ", number(model, "vocab"), 0, "");
  return parts.str();
}

std::string pool_fact(const Json& pool) {
  Parts parts;
  parts.add("", number(pool, "adapters"), 0, " adapters");
  parts.add("rank ", number(pool, "rank"), 0, "");
  parts.add("version ", number(pool, "version"), 0, "");
  parts.add("shared memory of ", number(pool, "memory_entries"), 0, " entries");
  return parts.str();
}

std::string machine_fact(const Json& machine) {
  Parts parts;
  parts.add(text(machine, "cpu"));
  parts.add("", number(machine, "cores"), 0, number(machine, "cores") == 1.0 ? " core" : " cores");
  parts.add("", number(machine, "memory_gib"), 1, " GiB memory");
  parts.add(text(machine, "os"));
  return parts.str();
}

std::string features_fact(const Json& features) {
  Parts parts;
  parts.add("", number(features, "tokens"), 0, " tokens");
  parts.add("", number(features, "computed_tokens"), 0, " tokens computed in this run");
  parts.add("", number(features, "computed_rows"), 0, " rows computed");
  parts.add("", number(features, "cached_rows"), 0, " rows from the cache");
  parts.add("", number(features, "tokens_per_second"), 0, " tokens per second");
  return parts.str();
}

std::string seconds_table(const Json& seconds) {
  constexpr std::pair<const char*, const char*> kStages[] = {
      {"features", "Features of the base model"},
      {"pool", "Training the pool"},
      {"enrol_per_person", "Enrolling one person"},
      {"total", "Whole run"},
  };
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, name] : kStages) {
    const Number value = number(seconds, key);
    if (value && *value >= 0) rows.push_back({name, duration(*value)});
  }
  if (rows.empty()) return "";
  return table("", {{"Stage", false}, {"Wall-clock time", true}}, rows);
}

}  // namespace

std::string cost_section(const Json& report) {
  constexpr std::pair<const char*, const char*> kParts[] = {
      {"mask", "The mask: which adapters of the pool this person uses"},
      {"registry_row", "The whole registry row: key, masks, schedule, rights, metadata"},
      {"own_adapter", "For comparison: an adapter of the person's own, no pool"},
      {"own_segment", "Optional: the person's own memory segment"},
  };
  constexpr double kMillion = 1e6;
  const Json& bytes = member(report, "bytes_per_profile");
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, name] : kParts) {
    const Number value = number(bytes, key);
    if (!value || *value < 0) continue;
    rows.push_back({name, fixed(*value, 0), byte_size(*value * kMillion)});
  }
  std::string out;
  if (!rows.empty()) {
    out = table("", {{"Part", false}, {"Bytes per person", true}, {"For a million people", true}},
                rows);
  }
  const Number enrol = number(member(report, "seconds"), "enrol_per_person");
  if (enrol && *enrol >= 0) {
    out += "<p>Enrolling one person took " + escape(duration(*enrol)) + ".</p>\n";
  }
  return out;
}

std::string measurement_section(const Json& report) {
  const Json& model = member(report, "model");
  const Json& pool = member(report, "pool");
  Facts facts;
  facts.add("Base model", model_fact(model));
  facts.add_code("Model fingerprint", text(model, "fingerprint"));
  facts.add("Data", text(report, "source"));
  facts.add_code("Data SHA-256", text(report, "dataset_sha256"));
  facts.add("People", people_fact(report));
  facts.add("Tokens", tokens_fact(report));
  facts.add("Seed", scalar(report, "seed"));
  facts.add("Pool", pool_fact(pool));
  facts.add_code("Pool digest", text(pool, "digest"));
  facts.add("Features", features_fact(member(report, "features")));
  facts.add("Machine", machine_fact(member(report, "machine")));
  facts.add("pema", text(report, "pema_version"));
  std::string out = facts.str() + seconds_table(member(report, "seconds"));
  if (const std::string command = text(report, "reproduce"); !command.empty()) {
    out += "<p>To run it again:</p>\n<pre>" + escape(command) + "</pre>\n";
  }
  if (out.empty()) return "";
  return "<p>Every figure on this page comes from one run. The texts of each new person are split "
         "by date: the oldest to enrol, then a dev part to tune the &#955;s, the newest to test. "
         "NLL is the mean negative log-likelihood of the test tokens in nats, each token given "
         "the true text before it; a gain is the base model's NLL minus the method's.</p>\n" +
         out;
}

}  // namespace pema::tools::report
