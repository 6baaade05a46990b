/// llama.cpp as its own users run it, with or without a LoRA adapter: the peer of the decode bench.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pema::bench {

/// Thread-safety: one thread at a time.
class PlainLlama {
 public:
  /// Throws kIo when llama.cpp cannot load the model.
  PlainLlama(const std::string& model, std::int64_t context, std::int64_t threads);
  ~PlainLlama();
  PlainLlama(const PlainLlama&) = delete;
  PlainLlama& operator=(const PlainLlama&) = delete;

  /// Loads an adapter and returns its number. Throws kIo.
  std::size_t load_lora(const std::string& path);
  /// Uses it, and no other, from the next decode on.
  void use_lora(std::size_t adapter);
  /// Forgets the context and evaluates `tokens`.
  void prompt(std::span<const std::int32_t> tokens);
  /// The likeliest next token.
  [[nodiscard]] std::int32_t likeliest() const;
  /// Evaluates one more token.
  void append(std::int32_t token);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema::bench
