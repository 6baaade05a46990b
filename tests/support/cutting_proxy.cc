#include "tests/support/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

namespace pema::test {
namespace {

constexpr int kPollMilliseconds = 20;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

bool send_all(int file, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(file, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

/// Empty at the end of the stream.
std::string receive(int file) {
  std::array<char, 65536> piece{};
  const ssize_t count = ::recv(file, piece.data(), piece.size(), 0);
  return count > 0 ? std::string(piece.data(), static_cast<std::size_t>(count)) : std::string();
}

/// Closes with a reset, as a network that is cut does.
void cut(int file) {
  const linger at_once{1, 0};
  ::setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  ::close(file);
}

}  // namespace

CuttingProxy::CuttingProxy(int server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::listen(listener_, 16) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

CuttingProxy::~CuttingProxy() {
  ending_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void CuttingProxy::cut_at(const std::string& words, Cut how) {
  const std::lock_guard lock(mutex_);
  words_ = words;
  how_ = how;
}

bool CuttingProxy::has_cut() const {
  const std::lock_guard lock(mutex_);
  return words_.empty();
}

std::size_t CuttingProxy::meets(const std::string& bytes, bool from_server, Cut& how) {
  const std::lock_guard lock(mutex_);
  if (words_.empty() || from_server != (how_ == Cut::kInAnswer)) return std::string::npos;
  const std::size_t at = bytes.find(words_);
  if (at == std::string::npos) return at;
  words_.clear();
  how = how_;
  return at;
}

void CuttingProxy::accept_all() {
  while (!ending_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMilliseconds) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { forward(client); });
  }
}

void CuttingProxy::forward(int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server_port_);
  bool open = !refusing_ &&
              ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  std::string end_of_last;  // the words may arrive in two pieces
  while (open && !ending_) {
    std::array<pollfd, 2> files{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (::poll(files.data(), files.size(), kPollMilliseconds) <= 0) continue;
    if (files[1].revents != 0) {
      const std::string bytes = receive(server);
      Cut how = Cut::kBefore;
      const std::size_t at = meets(bytes, true, how);
      open = !bytes.empty() && send_all(client, bytes.substr(0, at)) && at == std::string::npos;
    }
    if (!open || files[0].revents == 0) continue;
    const std::string bytes = receive(client);
    Cut how = Cut::kBefore;
    const bool met = meets(end_of_last + bytes, false, how) != std::string::npos;
    end_of_last = bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 31));
    if (!met) {
      open = !bytes.empty() && send_all(server, bytes);
      continue;
    }
    open = false;
    if (how == Cut::kBefore) break;
    if (how == Cut::kDelayed) {
      cut(client);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    send_all(server, bytes);
    receive(server);  // the answer that nobody gets
    if (how == Cut::kDelayed) {
      ::close(server);
      return;
    }
  }
  // Not a reset: it would take back the part of an answer that is still on its way.
  ::shutdown(client, SHUT_WR);
  ::close(client);
  ::close(server);
}

}  // namespace pema::test
