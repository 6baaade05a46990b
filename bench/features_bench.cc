// What decoding several documents at once brings to feature extraction.
//
//   features_bench MODEL.gguf [--file TEXT] [--documents N] [--tokens N] [--repeats N] [--threads
//   N]
//
// Prints one JSON line per setting: documents_per_decode, batch_tokens, the median, least and most
// tokens per second over the repeats, and the median tokens per second of processor time, which
// other programs on the machine disturb less. Settings take turns within a repeat, so that a slow
// minute of the machine meets all of them.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "pema/error.h"
#include "pema/plm/language_model.h"

namespace {

using pema::plm::Document;
using pema::plm::LanguageModel;
using pema::plm::ModelOptions;

struct Arguments {
  std::string model;
  std::string file;
  std::int64_t documents = 64;
  std::int64_t tokens = 60;
  std::int64_t repeats = 5;
  std::int64_t threads = 0;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      out.model = word;
      continue;
    }
    PEMA_CHECK(i + 1 < argc, kInvalidArgument, word, " needs a value");
    const std::string value = argv[++i];
    if (word == "--file") {
      out.file = value;
      continue;
    }
    const std::int64_t number = std::strtoll(value.c_str(), nullptr, 10);
    PEMA_CHECK(number >= 0, kInvalidArgument, word, " needs a number, not ", value);
    if (word == "--documents") {
      out.documents = number;
    } else if (word == "--tokens") {
      out.tokens = number;
    } else if (word == "--repeats") {
      out.repeats = number;
    } else if (word == "--threads") {
      out.threads = number;
    } else {
      pema::fail(pema::ErrorCode::kInvalidArgument, "unknown option ", word);
    }
  }
  PEMA_CHECK(!out.model.empty() && out.documents > 0 && out.tokens > 1 && out.repeats > 0,
             kInvalidArgument, "usage: features_bench MODEL.gguf [--file TEXT] [--documents N] ",
             "[--tokens N] [--repeats N] [--threads N]");
  return out;
}

/// Seeded words of 2 to 9 letters: every token is different enough for the tokeniser to work.
std::string generated_text(std::int64_t words) {
  std::mt19937 random(7);
  std::vector<std::string> vocabulary(500);
  for (auto& word : vocabulary) {
    word.resize(2 + random() % 8);
    for (char& c : word) c = static_cast<char>('a' + random() % 26);
  }
  std::string out;
  for (std::int64_t i = 0; i < words; ++i) out += vocabulary[random() % vocabulary.size()] + " ";
  return out;
}

/// Documents of half to one and a half times `tokens` tokens, a third of each its prompt.
std::vector<Document> documents_of(const LanguageModel& model, const Arguments& arguments) {
  std::string text;
  if (arguments.file.empty()) {
    text = generated_text(arguments.documents * arguments.tokens);
  } else {
    std::ifstream in(arguments.file, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    text = all.str();
    PEMA_CHECK(in.good(), kIo, arguments.file, ": cannot read it");
  }
  const auto tokens = model.tokenise(text);
  std::mt19937 random(3);
  std::vector<Document> out;
  std::size_t at = 0;
  for (std::int64_t d = 0; d < arguments.documents; ++d) {
    const std::size_t length = arguments.tokens / 2 + random() % arguments.tokens + 2;
    if (at + length > tokens.size()) at = 0;
    PEMA_CHECK(length <= tokens.size(), kInvalidArgument, "the text has only ", tokens.size(),
               " tokens");
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(at);
    const auto prompt = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, length / 3));
    out.push_back(
        {{begin, begin + prompt}, {begin + prompt, begin + static_cast<std::ptrdiff_t>(length)}});
    at += length;
  }
  return out;
}

struct Setting {
  std::int64_t documents = 1;
  std::int64_t batch_tokens = 0;
  std::unique_ptr<LanguageModel> model;
  std::vector<double> speeds;       ///< tokens per second
  std::vector<double> work_speeds;  ///< tokens per second of processor time, all threads
};

void run(const Arguments& arguments) {
  std::vector<Setting> settings;
  for (const std::int64_t documents : {1, 2, 4, 8, 16, 32, 64}) {
    for (const std::int64_t tokens : {512, 2048}) {
      if (tokens == 2048 && documents < 16) continue;  // the same decodes as with 512
      if (documents > arguments.documents) continue;
      Setting setting;
      setting.documents = documents;
      setting.batch_tokens = tokens;
      ModelOptions options;
      options.threads = arguments.threads;
      options.context = 512;
      options.batch_documents = documents;
      options.batch_tokens = tokens;
      setting.model = LanguageModel::open(arguments.model, options);
      settings.push_back(std::move(setting));
    }
  }
  const auto documents = documents_of(*settings[0].model, arguments);
  std::int64_t tokens = 0;
  for (const auto& document : documents) {
    tokens += std::ssize(document.prompt) + std::ssize(document.target) - 1;
  }
  for (auto& setting : settings) {  // warms caches and allocates contexts
    static_cast<void>(setting.model->features(std::span(documents).first(1)));
  }
  for (std::int64_t r = 0; r < arguments.repeats; ++r) {
    for (auto& setting : settings) {
      const auto start = std::chrono::steady_clock::now();
      const std::clock_t work = std::clock();
      static_cast<void>(setting.model->features(documents));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      const double worked = static_cast<double>(std::clock() - work) / CLOCKS_PER_SEC;
      setting.speeds.push_back(static_cast<double>(tokens) / took.count());
      setting.work_speeds.push_back(static_cast<double>(tokens) / worked);
    }
  }
  for (auto& setting : settings) {
    std::sort(setting.speeds.begin(), setting.speeds.end());
    std::sort(setting.work_speeds.begin(), setting.work_speeds.end());
    std::printf(
        "{\"documents_per_decode\": %lld, \"batch_tokens\": %lld, \"tokens_per_second\": %.1f, "
        "\"least\": %.1f, \"most\": %.1f, \"tokens_per_processor_second\": %.1f, \"repeats\": "
        "%lld, \"threads\": %lld, \"tokens\": %lld}\n",
        static_cast<long long>(setting.documents), static_cast<long long>(setting.batch_tokens),
        setting.speeds[setting.speeds.size() / 2], setting.speeds.front(), setting.speeds.back(),
        setting.work_speeds[setting.work_speeds.size() / 2],
        static_cast<long long>(arguments.repeats), static_cast<long long>(arguments.threads),
        static_cast<long long>(tokens));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const pema::Error& error) {
    std::fprintf(stderr, "features_bench: %s\n", error.what());
    return pema::exit_code(error.code());
  }
}
