#include <string>
#include <utility>

#include "pema/data/lamp.h"
#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/data/json_text.h"
#include "src/data/lamp_sax.h"

namespace pema::data {

const std::string& ProfileItem::field(const std::string& name) const {
  static const std::string kAbsent;
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return kAbsent;
}

std::string read_questions(const std::string& path, const std::function<bool(Question&&)>& visit) {
  return parse_lamp_file(path, LampKind::kQuestions,
                         [&](LampItem&& item) { return visit(std::move(item.question)); });
}

struct QuestionWriter::Impl {
  explicit Impl(std::string path) : name(path), out(std::move(path)) {}
  std::string name;
  core::AtomicFile out;
  bool first = true;
  bool closed = false;
};

QuestionWriter::QuestionWriter(std::string path) : impl_(std::make_unique<Impl>(std::move(path))) {}
QuestionWriter::~QuestionWriter() = default;

void QuestionWriter::add(const Question& question) {
  PEMA_CHECK(!impl_->closed, kInvalidArgument, impl_->name, ": a question after close()");
  std::string text = impl_->first ? "[\n{\"id\": " : ",\n{\"id\": ";
  const std::string where = message(impl_->name, ": question ", question.id);
  append_json(text, question.id, where);
  if (!question.user.empty()) {
    text += ", \"user_id\": ";
    append_json(text, question.user, where);
  }
  text += ", \"input\": ";
  append_json(text, question.input, where);
  if (!question.date.empty()) {
    text += ", \"date\": ";
    append_json(text, question.date, where);
  }
  text += ", \"profile\": [";
  for (std::size_t i = 0; i < question.profile.size(); ++i) {
    const ProfileItem& item = question.profile[i];
    text += i == 0 ? "{\"id\": " : ", {\"id\": ";
    append_json(text, item.id, where);
    for (const auto& [name, value] : item.fields) {
      text += ", ";
      append_json(text, name, where);
      text += ": ";
      append_json(text, value, where);
    }
    if (!item.date.empty()) {
      text += ", \"date\": ";
      append_json(text, item.date, where);
    }
    text += '}';
  }
  text += "]}";
  impl_->out.write(text);
  impl_->first = false;
}

void QuestionWriter::close() {
  PEMA_CHECK(!impl_->closed, kInvalidArgument, impl_->name, ": closed twice");
  impl_->out.write(impl_->first ? "[]\n" : "\n]\n");
  impl_->out.commit();
  impl_->closed = true;
}

}  // namespace pema::data
