#include "src/data/lamp_sax.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <streambuf>
#include <utility>
#include <vector>

#include "pema/error.h"

namespace pema::data {
namespace {

using Json = nlohmann::json;

/// Hands on another stream's bytes, counts them, and stops a text that never ends.
class CountingBuffer : public std::streambuf {
 public:
  CountingBuffer(std::istream& in, const std::string& name) : in_(in), name_(name) {}

  /// Bytes taken so far.
  [[nodiscard]] std::int64_t position() const noexcept { return base_ + (gptr() - eback()); }
  /// A new item starts here: the limit counts from this byte.
  void mark() noexcept { mark_ = position(); }

 protected:
  int_type underflow() override {
    base_ = position();
    setg(buffer_.data(), buffer_.data(), buffer_.data());
    PEMA_CHECK(base_ - mark_ <= kMaxQuestionBytes, kCorrupt, name_, ": byte ", mark_,
               ": an item is larger than 64 MiB; split its profile or check the file");
    in_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    PEMA_CHECK(!in_.bad(), kIo, name_, ": byte ", base_, ": the read failed; check the disk");
    if (in_.gcount() == 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + in_.gcount());
    return traits_type::to_int_type(buffer_[0]);
  }

 private:
  std::istream& in_;
  const std::string& name_;
  std::int64_t base_ = 0;
  std::int64_t mark_ = 0;
  std::array<char, 1 << 16> buffer_{};
};

/// Where in the file an event happens.
enum class Scope : std::uint8_t { kTop, kWrapper, kList, kItem, kProfile, kProfileItem, kIgnored };

class LampHandler : public nlohmann::json_sax<Json> {
 public:
  LampHandler(CountingBuffer& bytes, const std::string& name, LampKind kind,
              const std::function<bool(LampItem&&)>& visit)
      : bytes_(bytes), name_(name), kind_(kind), visit_(visit) {}

  bool null() override { return scalar(nullptr); }
  bool boolean(bool) override { return scalar(nullptr); }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return number(text); }
  bool number(std::string text) { return scalar(&text); }
  bool string(string_t& text) override { return scalar(&text); }
  bool binary(binary_t&) override { return scalar(nullptr); }

  bool start_object(std::size_t) override {
    const Scope inner = scope() == Scope::kTop       ? Scope::kWrapper
                        : scope() == Scope::kList    ? Scope::kItem
                        : scope() == Scope::kProfile ? Scope::kProfileItem
                                                     : Scope::kIgnored;
    expect(inner != Scope::kIgnored || scope() != Scope::kWrapper || key_ != "golds",
           "\"golds\" to be an array");
    push(inner);
    if (inner == Scope::kItem) item_ = {};
    if (inner == Scope::kProfileItem) item_.question.profile.emplace_back();
    return true;
  }

  bool start_array(std::size_t) override {
    Scope inner = Scope::kIgnored;
    if (scope() == Scope::kTop || (scope() == Scope::kWrapper && key_ == "golds")) {
      expect(!seen_list_, "one list of items");
      inner = Scope::kList;
      seen_list_ = true;
    } else if (scope() == Scope::kItem && key_ == "profile" && kind_ == LampKind::kQuestions) {
      inner = Scope::kProfile;
    }
    expect(inner != Scope::kIgnored || (scope() != Scope::kList && scope() != Scope::kProfile),
           "an object with an \"id\"");
    push(inner);
    return true;
  }

  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }

  bool end_object() override {
    const Scope ended = pop();
    if (ended == Scope::kWrapper) expect(seen_list_, "\"golds\" in the wrapper");
    if (ended == Scope::kProfileItem) {
      expect(!item_.question.profile.back().id.empty(), "an \"id\" in the profile item");
    }
    if (ended != Scope::kItem) return true;
    expect(item_.has_id, "an \"id\" in the item");
    const bool questions = kind_ == LampKind::kQuestions;
    expect(questions ? item_.has_input : item_.has_output,
           questions ? "an \"input\" in the question" : "an \"output\" in the item");
    stopped_ = !visit_(std::move(item_));
    bytes_.mark();
    return !stopped_;
  }

  bool end_array() override {
    if (pop() == Scope::kList) bytes_.mark();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The library's text quotes the last token, which may be as large as the file.
    std::string reason = error.what();
    if (reason.size() > 300)
      reason = reason.substr(0, 120) + " ... " + reason.substr(reason.size() - 120);
    fail(ErrorCode::kCorrupt, name_, ": byte ", position, ": not valid JSON (", reason,
         "); get the file again, it may be cut short");
  }

  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::string take_task() { return std::move(task_); }

 private:
  [[nodiscard]] Scope scope() const noexcept {
    return scopes_.empty() ? Scope::kTop : scopes_.back();
  }

  void push(Scope inner) {
    PEMA_CHECK(scopes_.size() < kMaxJsonDepth, kCorrupt, name_, ": byte ", bytes_.position(),
               ": nested deeper than ", kMaxJsonDepth, " levels; this is no LaMP file");
    scopes_.push_back(inner);
  }

  Scope pop() {
    PEMA_ASSERT(!scopes_.empty());
    const Scope ended = scopes_.back();
    scopes_.pop_back();
    return ended;
  }

  void expect(bool condition, const char* what) const {
    PEMA_CHECK(condition, kCorrupt, name_, ": byte ", bytes_.position(), ": expected ", what,
               "; see docs/data.md for the layout");
  }

  /// A string or a number as its text; null for other values, which no field needs.
  bool scalar(std::string* text) {
    switch (scope()) {
      case Scope::kTop:
        expect(false, "an array, or an object with \"golds\"");
        break;
      case Scope::kWrapper:
        expect(key_ != "golds", "\"golds\" to be an array");
        if (key_ == "task" && text != nullptr) task_ = std::move(*text);
        break;
      case Scope::kList:
      case Scope::kProfile:
        expect(false, "an object with an \"id\"");
        break;
      case Scope::kItem:
        if (text != nullptr) item_field(*text);
        break;
      case Scope::kProfileItem:
        if (text != nullptr) profile_field(*text);
        break;
      case Scope::kIgnored:
        break;
    }
    return true;
  }

  void item_field(std::string& text) {
    if (key_ == "id") {
      item_.question.id = std::move(text);
      item_.has_id = !item_.question.id.empty();
    } else if (key_ == "input") {
      item_.question.input = std::move(text);
      item_.has_input = true;
    } else if (key_ == "output") {
      item_.output = std::move(text);
      item_.has_output = true;
    } else if (key_ == "user_id") {
      item_.question.user = std::move(text);
    } else if (key_ == "date") {
      item_.question.date = std::move(text);
    }
  }

  void profile_field(std::string& text) {
    ProfileItem& item = item_.question.profile.back();
    if (key_ == "id") {
      item.id = std::move(text);
    } else if (key_ == "date") {
      item.date = std::move(text);
    } else {
      item.fields.emplace_back(key_, std::move(text));
    }
  }

  CountingBuffer& bytes_;
  const std::string& name_;
  LampKind kind_;
  const std::function<bool(LampItem&&)>& visit_;
  std::vector<Scope> scopes_;
  std::string key_;
  std::string task_;
  LampItem item_;
  bool seen_list_ = false;
  bool stopped_ = false;
};

}  // namespace

std::string parse_lamp(std::istream& in, const std::string& name, LampKind kind,
                       const std::function<bool(LampItem&&)>& visit) {
  CountingBuffer bytes(in, name);
  std::istream counted(&bytes);
  LampHandler handler(bytes, name, kind, visit);
  const bool complete = Json::sax_parse(counted, &handler);
  PEMA_ASSERT(complete || handler.stopped());
  return handler.take_task();
}

std::string parse_lamp_file(const std::string& path, LampKind kind,
                            const std::function<bool(LampItem&&)>& visit) {
  std::error_code error;
  PEMA_CHECK(std::filesystem::exists(path, error), kNotFound, path,
             ": no such file; check the folder");
  PEMA_CHECK(!std::filesystem::is_directory(path, error), kIo, path,
             ": is a folder, a JSON file was expected");
  std::ifstream file(path, std::ios::binary);
  PEMA_CHECK(file.is_open(), kIo, path, ": cannot open it: ", std::strerror(errno),
             "; check its permissions");
  return parse_lamp(file, path, kind, visit);
}

}  // namespace pema::data
