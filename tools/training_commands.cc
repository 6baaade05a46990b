#include "tools/training_commands.h"

#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pema/error.h"
#include "tools/command_line.h"
#include "tools/context.h"

namespace pema::tools {
namespace {

/// Folder of the running program; empty when the system does not say.
std::string program_folder() {
  char buffer[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  if (length <= 0) return {};
  const std::string path(buffer, static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/'));
}

/// Becomes `pema-train` with the same arguments. Returns only by an exception.
int become_train_program(const Context& context) {
  const std::string path = find_train_program();
  PEMA_CHECK(!path.empty(), kUnsupported,
             "this command trains, and the program that trains is "
             "not installed: `pema-train` is neither beside `pema` in ",
             program_folder(),
             " nor in ../libexec/pema; build pema with PEMA_WITH_TRAIN=ON (`./dev build`)");
  ::execv(path.c_str(), context.argv);
  fail(ErrorCode::kUnsupported, "cannot run ", path, ": ", std::strerror(errno),
       "; build it again with `./dev build`");
}

void add_forwarder(Command parent, const char* name, const char* text, Context& context) {
  const Command command = parent.add(name, text);
  command.takes_anything();
  command.runs(context, [&context] { return become_train_program(context); });
}

}  // namespace

std::string find_train_program() {
  const std::string folder = program_folder();
  if (folder.empty()) return {};
  for (const char* place : {"/pema-train", "/../libexec/pema/pema-train"}) {
    std::string path = folder + place;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

void add_training_forwarders(Command app, Context& context) {
  add_forwarder(app.find("pool"), "train", kPoolTrainText, context);
  add_forwarder(app.find("profile"), "enrol", kProfileEnrolText, context);
  add_forwarder(app, "eval", kEvalText, context);
  add_forwarder(app, "demo", kDemoText, context);
}

}  // namespace pema::tools
