#include "tests/support/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "pema/error.h"

namespace pema::test {
namespace {

/// Debian keeps the server's programs out of PATH. PEMA_POSTGRES_BIN names another place.
std::string programs() {
  if (const char* named = std::getenv("PEMA_POSTGRES_BIN"); named != nullptr) return named;
  for (int version = 30; version >= 13; --version) {
    const std::string folder = message("/usr/lib/postgresql/", version, "/bin");
    if (std::filesystem::exists(folder + "/postgres")) return folder;
  }
  return {};
}

/// PostgreSQL refuses to run as root.
const passwd* server_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

int free_port() {
  const int file = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = ::bind(file, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(file, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(file);
  if (!bound) throw std::runtime_error("no free port on loopback");
  return ntohs(address.sin_port);
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::array<char, 4096> piece{};
  while (const std::size_t bytes = std::fread(piece.data(), 1, piece.size(), pipe)) {
    output.append(piece.data(), bytes);
  }
  if (::pclose(pipe) != 0) throw std::runtime_error(command + " failed: " + output);
  return output;
}

/// Runs a program of the server's package as the server's user; replaces this process.
[[noreturn]] void become(const std::string& folder, const std::vector<std::string>& words) {
  if (const passwd* user = server_user(); user != nullptr) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
        ::setuid(user->pw_uid) != 0) {
      ::_exit(120);
    }
  }
  // The sanitizers' settings are for the tests, not for the server.
  for (const char* name : {"LD_PRELOAD", "PGPORT", "PGHOST", "PGDATABASE"}) ::unsetenv(name);
  const int log = ::open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) ::_exit(123);
  for (int file = 3; file < 1024; ++file) ::close(file);
  if (::chdir(folder.c_str()) != 0) ::_exit(121);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(122);
}

int run_and_wait(const std::string& folder, const std::vector<std::string>& words) {
  const pid_t child = ::fork();
  if (child == 0) become(folder, words);
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

std::string log_of(const std::string& folder) {
  std::ifstream in(folder + "/log");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The eighth line of the server's own file says "ready" once it accepts connections.
bool accepts(const std::string& folder) {
  std::ifstream in(folder + "/data/postmaster.pid");
  std::string line;
  for (int i = 0; i < 8; ++i) {
    if (!std::getline(in, line)) return false;
  }
  return line.starts_with("ready");
}

/// Starts the server; its process, once it accepts connections, or -1.
pid_t start_server(const std::string& folder, int port, bool synced) {
  const char* fsync = synced ? "on" : "off";
  const std::vector<std::string> words{
      programs() + "/postgres", "-D", folder + "/data", "-k", folder, "-p", std::to_string(port),
      "-c", "listen_addresses=127.0.0.1", "-c", message("fsync=", fsync), "-c",
      "shared_buffers=256MB", "-c", "max_connections=40", "-c", "autovacuum=off",
      // Not file by file: a thousand syncs at each start after a crash.
      "-c", "recovery_init_sync_method=syncfs"};
  const pid_t server = ::fork();
  if (server == 0) {
    // Changing the user clears a death signal, so the guardian is what ends the server.
    become(folder, words);
  }
  for (int tries = 0; tries < 6000; ++tries) {
    if (accepts(folder)) return server;
    int status = 0;
    if (::waitpid(server, &status, WNOHANG) == server) return -1;
    ::usleep(5000);
  }
  ::kill(server, SIGQUIT);
  ::waitpid(server, nullptr, 0);
  return -1;
}

void stop_server(pid_t& server, int signal) {
  if (server <= 0) return;
  ::kill(server, signal);
  ::waitpid(server, nullptr, 0);
  server = -1;
}

/// Does what the tests say until they end, however they end; then takes everything away.
[[noreturn]] void guardian(const std::string& folder, int port, bool synced, int commands,
                           int answers) {
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  pid_t server = -1;
  char command = 0;
  while (::read(commands, &command, 1) == 1 && command != 'q') {
    if (command == 's') server = start_server(folder, port, synced);
    if (command == 'f') stop_server(server, SIGINT);
    if (command == 'c') stop_server(server, SIGQUIT);
    const char answer = command == 's' && server < 0 ? 'n' : 'y';
    if (::write(answers, &answer, 1) != 1) break;
  }
  stop_server(server, SIGQUIT);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  ::_exit(0);
}

}  // namespace

std::string PostgresServer::missing() {
  if (!programs().empty()) return {};
  return "the server's programs are missing; install the package postgresql-15 (./dev setup), or "
         "name their folder in PEMA_POSTGRES_BIN";
}

PostgresServer::PostgresServer(bool synced) {
  std::string name = (std::filesystem::temp_directory_path() / "pema-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + name);
  folder_ = name;
  options_ = synced ? "synced" : "";
  if (const passwd* user = server_user(); user != nullptr) {
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("cannot give " + folder_ + " to the server's user");
    }
  }
  port_ = free_port();
  guard();
  const int made = run_and_wait(
      folder_, {programs() + "/initdb", "-D", folder_ + "/data", "-U", "pema", "-A", "trust", "-E",
                "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"});
  if (made != 0) throw std::runtime_error("initdb failed: " + log_of(folder_));
  start();
}

PostgresServer::~PostgresServer() {
  // Guardians of later servers hold this pipe open too, so closing it is not enough.
  const char quit = 'q';
  static_cast<void>(!::write(commands_, &quit, 1));
  ::close(commands_);
  ::close(answers_);
  if (guardian_ > 0) ::waitpid(guardian_, nullptr, 0);
}

void PostgresServer::guard() {
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  if (::pipe2(commands.data(), O_CLOEXEC) != 0 || ::pipe2(answers.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe for the server's guardian");
  }
  guardian_ = ::fork();
  if (guardian_ == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    guardian(folder_, port_, options_ == "synced", commands[0], answers[1]);
  }
  ::close(commands[0]);
  ::close(answers[1]);
  commands_ = commands[1];
  answers_ = answers[0];
}

void PostgresServer::tell(char command) {
  char answer = 'n';
  if (::write(commands_, &command, 1) != 1 || ::read(answers_, &answer, 1) != 1 || answer != 'y') {
    throw std::runtime_error(
        message("the PostgreSQL server failed at '", command, "': ", log_of(folder_)));
  }
}

void PostgresServer::start() { tell('s'); }

void PostgresServer::stop(Stop how) { tell(how == Stop::kFast ? 'f' : 'c'); }

std::string PostgresServer::connection_string(const std::string& database, int port) const {
  return message("postgresql://pema@127.0.0.1:", port, "/", database,
                 "?sslmode=disable&gssencmode=disable");
}

std::string PostgresServer::new_database() {
  const std::string name = message("test", ++databases_);
  run_sql("CREATE DATABASE " + name);
  return connection_string(name, port_);
}

std::string PostgresServer::run_sql(const std::string& sql, const std::string& database) const {
  return output_of(message("'", programs(), "/psql' -X -q -A -t -v ON_ERROR_STOP=1 -d '",
                           connection_string(database, port_), "' -c \"", sql, "\" 2>&1"));
}

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

}  // namespace pema::test
