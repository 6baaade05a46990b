#include "tools/commands/generate.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pema/memory_manager.h"
#include "pema/plm/openmp.h"
#include "src/core/atomic_file.h"
#include "tools/command_line.h"
#include "tools/commands/chat.h"
#include "tools/commands/lookup.h"
#include "tools/commands/prompt_source.h"
#include "tools/context.h"
#include "tools/device_choice.h"
#include "tools/index_option.h"
#include "tools/speaker.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/signals.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kPromptLimit = std::int64_t{16} << 20;

constexpr const char* kFooter =
    R"(The prompt is the argument, --file, or standard input, taken byte by byte. Without --profile it
is the plain base model, bit for bit. --chat on a terminal without a prompt is a conversation, in
which /profile NAME changes who speaks.

Examples:
  pema generate --profile alice "Changelog of bash (5.2-1) unstable; urgency=medium"
  echo "Once upon a time" | pema generate --tokens 40 --temperature 0.8 --top-p 0.95 --seed 7
  pema generate --chat --profile alice "What should I cook tonight?"
  pema generate --chat
  pema generate --profile alice --file letter.txt --json | jq -r .text)";

struct GenerateOptions {
  std::string profile;
  std::string prompt;
  std::string file;
  std::string system;
  std::string strategy = "auto";
  std::string projection = "float32";
  std::string device = "cpu";
  std::string metrics;
  std::int64_t budget = 0;
  double neglect = 0;
  double skip_recall = 1;
  bool has_prompt = false;
  bool has_seed = false;
  bool has_budget = false;
  bool chat = false;
  bool show_lambda = false;
  std::int64_t context = 2048;
  IndexOption index;
  SpeakOptions speak;
};

/// The prompt's text; nothing when a conversation on the terminal is wanted.
std::string prompt_text(const GenerateOptions& options) {
  PEMA_CHECK(!options.has_prompt || options.file.empty(), kInvalidArgument,
             "give the prompt as an argument or with --file, not both");
  std::string text = options.has_prompt     ? options.prompt
                     : options.file.empty() ? read_text("-", kPromptLimit)
                                            : read_text(options.file, kPromptLimit);
  const std::string name = options.has_prompt     ? "the prompt"
                           : options.file.empty() ? "standard input"
                                                  : options.file;
  require_utf8(text, name);
  if (options.chat && !options.has_prompt) {
    text.erase(text.find_last_not_of("\r\n") + 1);
  }
  PEMA_CHECK(!text.empty(), kInvalidArgument, name,
             " is empty, and the model needs at least one token to continue from");
  return text;
}

std::vector<std::int32_t> prompt_tokens(const plm::LanguageModel& model,
                                        const GenerateOptions& options, const std::string& text) {
  if (!options.chat) return model.tokenise(text);
  std::vector<plm::ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", text});
  return model.tokenise(model.apply_chat_template(messages), true);
}

Json reply_json(const Reply& reply, const Speaker& speaker, const plm::LanguageModel& model,
                const GenerateOptions& options) {
  const Lease* lease = speaker.lease().get();
  const auto count = static_cast<double>(reply.tokens.size());
  Json document;
  document["text"] = reply.text;
  document["tokens"] = reply.tokens.size();
  document["prompt_tokens"] = reply.prompt_tokens;
  document["stop_reason"] = to_string(reply.reason);
  document["profile"] = lease != nullptr ? Json(lease->name) : Json();
  document["generation"] = lease != nullptr ? Json(lease->generation) : Json();
  const bool indexed = lease != nullptr && lease->index.index != nullptr;
  document["index"] = indexed ? Json(lease->index.name) : Json();
  document["model"] = model.info().fingerprint.hex();
  document["temperature"] = options.speak.sampling.temperature;
  document["seed"] = options.speak.sampling.seed;
  document["token_ids"] = reply.tokens;
  document["log_probabilities"] = reply.log_probabilities;
  if (options.show_lambda) document["lambda"] = reply.lambda;
  document["prompt_seconds"] = reply.prompt_seconds;
  document["seconds"] = reply.seconds;
  document["tokens_per_second"] = reply.seconds > 0 ? count / reply.seconds : 0.0;
  return document;
}

void print_summary(Context& context, const Reply& reply, const GenerateOptions& options) {
  const auto count = static_cast<double>(reply.tokens.size());
  std::string text = message(reply.tokens.size(), " tokens, ",
                             format_rate(reply.seconds > 0 ? count / reply.seconds : 0),
                             " tokens/s, ended by ", to_string(reply.reason));
  if (options.show_lambda && !reply.lambda.empty()) {
    text += message("; lambda ", format_fixed(reply.lambda.front(), 4), " at the first token, ",
                    format_fixed(reply.lambda.back(), 4), " at the last");
  }
  context.note(text);
}

/// The manager of this run; null when nobody asks for one.
std::shared_ptr<MemoryManager> make_memory(const GenerateOptions& options) {
  if (!options.has_budget && options.metrics.empty()) return nullptr;
  const std::int64_t unlimited = std::int64_t{1} << 62;
  return std::make_shared<MemoryManager>(MemoryOptions{
      .budget_bytes = options.has_budget ? options.budget : unlimited, .device_bytes = unlimited});
}

void write_metrics(const MemoryManager* memory, const std::string& path) {
  if (path.empty()) return;
  const MemoryStats stats = memory->stats();
  const std::string text = path.ends_with(".json") ? to_json(stats) + "\n" : to_prometheus(stats);
  core::write_file_atomically(path, std::as_bytes(std::span(text)));
}

int run_generate(Context& context, GenerateOptions options) {
  const bool converse = options.chat && !options.has_prompt && options.file.empty() &&
                        input_is_terminal() && !context.options.json;
  PEMA_CHECK(converse || options.has_prompt || !options.file.empty() || !input_is_terminal(),
             kInvalidArgument,
             "there is no prompt; give one as an argument, with --file or on "
             "standard input, or --chat for a conversation");
  options.speak.sampling.validate();
  if (!options.has_seed) options.speak.sampling.seed = std::random_device{}();
  options.speak.stop_requested = interrupted;
  const std::string text = converse ? std::string() : prompt_text(options);
  // A missing device and a wrong name end here, before the model is loaded.
  const std::optional<DeviceOptions> device = parse_device(options.device, context.machine_file());
  if (device) require_device(*device);
  const bool personal = !options.profile.empty();
  if (personal) (void)require_profile(context.store(OpenMode::kReadOnly), options.profile);
  if (personal && index_choice(options.index).use == IndexChoice::Use::kNamed) {
    (void)require_index(context.store(OpenMode::kReadOnly), options.index.use);
  }

  plm::LanguageModel& model = context.model({.context = options.context, .conversations = 1});
  const std::shared_ptr<MemoryManager> memory = make_memory(options);
  std::shared_ptr<const Lease> lease;
  const IndexChoice indexes = index_choice(options.index);
  if (personal) lease = acquire_lease(context, model.info(), options.profile, indexes, memory);
  EngineOptions engine_options = context.engine_options();
  engine_options.strategy = parse_strategy(options.strategy);
  engine_options.executor = plm::openmp_executor();
  engine_options.expected_rows = options.speak.tokens;
  engine_options.neglected_mass = options.neglect;
  engine_options.skip_recall_above = options.skip_recall;
  engine_options.memory = memory;
  engine_options.device = device;
  if (options.has_budget) engine_options.cache_bytes = options.budget;
  Context::choose_projection(options.projection, model.info(), lease.get(), engine_options);
  Engine engine(model.info(), model.head(), engine_options);
  Speaker speaker(model, engine, options.context);
  speaker.use(lease);
  if (!context.options.json) options.speak.write = [](std::string_view part) { print(part); };
  if (converse) {
    const int status =
        run_chat(context, model, speaker, options.speak, options.system, memory, indexes);
    write_metrics(memory.get(), options.metrics);
    return status;
  }
  const Reply reply = speaker.speak(prompt_tokens(model, options, text), options.speak);
  write_metrics(memory.get(), options.metrics);
  PEMA_CHECK(reply.reason != StopReason::kInterrupted, kInterrupted, "interrupted after ",
             reply.tokens.size(), " tokens");
  if (context.options.json) {
    print_json(reply_json(reply, speaker, model, options));
  } else {
    print("\n");
    print_summary(context, reply, options);
  }
  return 0;
}

void add_sampling_options(Command command, SpeakOptions& options) {
  command.option("--tokens,-n", options.tokens, "At most so many tokens")
      .shows_default()
      .within(1, 1 << 20);
  command
      .option("--temperature,-t", options.sampling.temperature,
              "0: always the likeliest token; higher: freer")
      .shows_default();
  command.option("--top-k", options.sampling.top_k, "Only the K likeliest tokens (0: all)")
      .shows_default();
  command.option("--top-p", options.sampling.top_p, "Only the likeliest tokens with mass P")
      .shows_default();
  command
      .option("--min-p", options.sampling.min_p,
              "Only tokens at least P times as likely as the likeliest")
      .shows_default();
  command.option("--stop", options.stops, "End before this text (may be repeated)");
}

}  // namespace

void add_generate(Command app, Context& context) {
  auto options = std::make_shared<GenerateOptions>();
  const Command command = app.add("generate", "Continue a text, or chat, under a person's profile");
  const Argument prompt = command.option("PROMPT", options->prompt, "The text to continue");
  command.option("--profile,-p", options->profile, "Who speaks (default: the plain model)");
  command.option("--file,-f", options->file, "Read the prompt from a file");
  command.flag("--chat", options->chat, "The prompt is a user's message, not a text");
  command.option("--system", options->system, "System message of --chat");
  add_sampling_options(command, options->speak);
  const Argument seed = command.option("--seed", options->speak.sampling.seed,
                                       "Seed of the sampling (default: another each time)");
  command.option("--context", options->context, "Tokens of prompt and answer together")
      .shows_default()
      .within(2, 1 << 20);
  command
      .option("--strategy", options->strategy,
              "How personal logits are computed: auto, composed, factored, projected")
      .shows_default();
  command
      .option(
          "--projection", options->projection,
          "What strategy projected keeps the pool's projection in: float32, float16 or bfloat16 "
          "(half of the bytes), int8 (a quarter), or auto (whichever is faster)")
      .shows_default();
  command
      .option("--neglect", options->neglect,
              "Leave the profile out of account for the unlikeliest words, which together have at "
              "most this much of the model's probability: 0 (exact) to 0.1; 0.03 is a good value")
      .shows_default()
      .within(0.0, 0.1);
  command
      .option("--skip-recall", options->skip_recall,
              "Do not search the memories for a token of which the model is surer than this "
              "probability (1: always search)")
      .shows_default()
      .within(1e-6, 1.0);
  command.option("--device", options->device, kDeviceHelp).shows_default();
  add_index_options(command, options->index);
  const Argument budget =
      command
          .parsed_option(
              "--memory-budget",
              [options](const std::string& text) { options->budget = parse_bytes(text); },
              "Bytes for pool, segments and all that is made from them "
              "together, such as 512M; see `pema plan` (default: no limit)")
          .called("SIZE");
  command.option("--metrics", options->metrics,
                 "At the end, write what memory held and did to this file: JSON when its name ends "
                 "in .json, otherwise Prometheus text");
  command.flag("--show-lambda", options->show_lambda,
               "Say how much the profile weighed at each token");
  command.footer(kFooter);
  command.runs(context, [&context, options, prompt, seed, budget] {
    options->has_prompt = prompt.given();
    options->has_seed = seed.given();
    options->has_budget = budget.given();
    return run_generate(context, *options);
  });
}

}  // namespace pema::tools
