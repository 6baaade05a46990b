/// A forwarder between a client and a server on loopback that cuts the wire at a chosen moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pema::test {

/// What happens when the client sends the awaited words.
enum class Cut {
  kBefore,    ///< the words do not reach the server; both sides are cut
  kAfter,     ///< the server gets them and answers; the client never sees the answer
  kDelayed,   ///< the client is cut at once, the server gets the words 300 ms later
  kInAnswer,  ///< the server's answer is cut before the words
};

/// Forwards any number of connections. Thread-safety: any thread may call cut_at and refuse.
class CuttingProxy {
 public:
  /// Listens on a free port of 127.0.0.1. Throws std::runtime_error when the system refuses.
  explicit CuttingProxy(int server_port);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] int port() const noexcept { return port_; }
  /// From now on new connections are cut at once, or forwarded again.
  void refuse(bool on) noexcept { refusing_ = on; }
  /// Cuts once, the next time a client (with kInAnswer the server) sends something that holds
  /// `words`, at most 32 bytes.
  void cut_at(const std::string& words, Cut how);
  /// True when the cut that was asked for has happened.
  [[nodiscard]] bool has_cut() const;

 private:
  void accept_all();
  void forward(int client);
  /// Where the awaited words are in `bytes`, which that side sent; npos when they are not. They are
  /// then no longer awaited.
  [[nodiscard]] std::size_t meets(const std::string& bytes, bool from_server, Cut& how);

  int server_port_;
  int port_ = 0;
  int listener_ = -1;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> refusing_ = false;
  mutable std::mutex mutex_;
  std::string words_;
  Cut how_ = Cut::kBefore;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace pema::test
