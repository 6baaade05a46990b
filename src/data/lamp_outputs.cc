#include <string>
#include <utility>
#include <vector>

#include "pema/data/lamp.h"
#include "src/core/atomic_file.h"
#include "src/data/json_text.h"
#include "src/data/lamp_sax.h"

namespace pema::data {

std::string read_outputs(const std::string& path, const std::function<bool(Output&&)>& visit) {
  return parse_lamp_file(path, LampKind::kOutputs, [&](LampItem&& item) {
    return visit(Output{std::move(item.question.id), std::move(item.output)});
  });
}

void write_outputs(const std::string& path, const std::string& task,
                   const std::vector<Output>& outputs) {
  core::AtomicFile out(path);
  std::string text = "{\"task\": ";
  append_json(text, task, path);
  text += ", \"golds\": [";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    text += i == 0 ? "\n{\"id\": " : ",\n{\"id\": ";
    append_json(text, outputs[i].id, path);
    text += ", \"output\": ";
    append_json(text, outputs[i].output, path);
    text += '}';
    out.write(text);
    text.clear();
  }
  out.write(text + "\n]}\n");
  out.commit();
}

}  // namespace pema::data
