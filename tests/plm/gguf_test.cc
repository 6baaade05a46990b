#include "src/plm/gguf_header.h"

#include <cstring>

#include "tests/plm/plm_fixture.h"

namespace pema::plm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class GgufTest : public PlmTest {
 protected:
  /// The file of `options` with everything before the tensor bytes; tests damage copies of it.
  std::string tiny_bytes(const test::TinyGguf& options = {}) {
    written_ = test::write_tiny_gguf(path(), options);
    return read_text(path());
  }
  Error read_error(const std::string& bytes) {
    write_text(path("bad.gguf"), bytes);
    return error_of([&] { static_cast<void>(read_gguf(path("bad.gguf"))); });
  }
  /// Where the type of a two-dimensional tensor stands in the header.
  static std::size_t type_place(const std::string& bytes, const std::string& tensor) {
    return bytes.find(tensor) + tensor.size() + 4 + 16;
  }
};

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST_F(GgufTest, ReadsHeadNormsAndSizes) {
  tiny_bytes();
  const GgufModel model = read_gguf(path());
  EXPECT_EQ(model.info.architecture, "llama");
  EXPECT_EQ(model.info.name, "tiny");
  EXPECT_EQ(model.info.hidden, 32);
  EXPECT_EQ(model.info.vocab, 260);
  EXPECT_FLOAT_EQ(model.head.norm_eps, 1e-5F);
  EXPECT_EQ(model.head.norm_weight, written_.norm);
  EXPECT_EQ(model.head.layer_norm_weight, written_.layer_norm);
  EXPECT_TRUE(std::equal(written_.head.begin(), written_.head.end(), model.head.weight.data()));
}

TEST_F(GgufTest, DequantisesTheHead) {
  for (const auto& [type, tolerance] : {std::pair{GGML_TYPE_F16, 1e-3}, {GGML_TYPE_Q8_0, 0.01}}) {
    for (const bool tied : {false, true}) {
      test::TinyGguf options;
      options.head_type = type;
      options.tied = tied;
      tiny_bytes(options);
      const GgufModel model = read_gguf(path());
      EXPECT_LT(difference({model.head.weight.data(), written_.head.size()}, written_.head),
                tolerance);
    }
  }
}

TEST_F(GgufTest, FingerprintIgnoresNameAndChatTemplateOnly) {
  const auto fingerprint = [&](auto change) {
    test::TinyGguf options;
    change(options);
    tiny_bytes(options);
    return read_gguf(path()).info.fingerprint;
  };
  const Digest base = fingerprint([](auto&) {});
  EXPECT_EQ(base, fingerprint([](auto&) {}));
  EXPECT_EQ(base, fingerprint([](auto& o) { o.chat_template = false; }));
  EXPECT_EQ(base, fingerprint([](auto& o) { o.name = "other"; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.seed = 2; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.head_type = GGML_TYPE_F16; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.tied = true; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.add_begin = true; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.end_bias = 1; }));
  EXPECT_NE(base, fingerprint([](auto& o) { o.context = 256; }));
}

TEST_F(GgufTest, RefusesWhatIsNoModelFile) {
  const Error missing = error_of([&] { static_cast<void>(read_gguf(path("none.gguf"))); });
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.what(), HasSubstr("none.gguf"));
  const Error folder = error_of([&] { static_cast<void>(read_gguf(folder_.path())); });
  EXPECT_EQ(folder.code(), ErrorCode::kNotFound);
  EXPECT_THAT(folder.what(), HasSubstr("not a regular file"));
  EXPECT_EQ(read_error("").code(), ErrorCode::kCorrupt);
  const Error text = read_error("this is text, not a model");
  EXPECT_EQ(text.code(), ErrorCode::kCorrupt);
  EXPECT_THAT(text.what(), AllOf(HasSubstr("bad.gguf"), HasSubstr("not a GGUF file")));
}

TEST_F(GgufTest, RefusesATypeWithoutFloatsByName) {
  test::TinyGguf options;
  options.head_type = GGML_TYPE_I32;
  const Error error = read_error(tiny_bytes(options));
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("bad.gguf"), HasSubstr("output.weight"), HasSubstr("i32")));
}

TEST_F(GgufTest, RefusesAnUnknownTypeByNumber) {
  for (const int type : {4, 99, -1}) {  // 4 is a type that ggml gave up
    std::string bytes = tiny_bytes();
    std::memcpy(bytes.data() + type_place(bytes, "output.weight"), &type, sizeof type);
    const Error error = read_error(bytes);
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << type;
    EXPECT_THAT(error.what(), HasSubstr("output.weight"));
  }
}

TEST_F(GgufTest, RefusesOtherVersions) {
  for (const std::uint32_t version : {1U, 4U, 0x03000000U}) {
    std::string bytes = tiny_bytes();
    std::memcpy(bytes.data() + 4, &version, sizeof version);
    EXPECT_EQ(read_error(bytes).code(), ErrorCode::kUnsupported) << version;
  }
}

TEST_F(GgufTest, RefusesEveryTruncation) {
  const std::string bytes = tiny_bytes();
  const std::size_t header = bytes.find("blk.1.ffn_down.weight") + 64;
  ASSERT_LT(header, bytes.size());
  for (std::size_t length = 0; length < bytes.size(); length += length < header ? 1 : 997) {
    // A copy of exactly this size, so that the sanitizer sees a read past its end.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + length);
    const Error error =
        error_of([&] { static_cast<void>(parse_gguf(std::as_bytes(std::span(cut)), "cut")); });
    ASSERT_EQ(error.code(), ErrorCode::kCorrupt) << length;
  }
  EXPECT_EQ(read_error(bytes.substr(0, bytes.size() / 2)).code(), ErrorCode::kCorrupt);
}

TEST_F(GgufTest, AFlippedHeaderByteIsReadOrRefusedButNeverFatal) {
  std::string bytes = tiny_bytes();
  const std::size_t header = bytes.find("blk.1.ffn_down.weight") + 64;
  std::int64_t refused = 0;
  for (std::size_t i = 0; i < header; ++i) {
    for (const int flip : {0x01, 0x80}) {
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      try {
        static_cast<void>(parse_gguf(as_bytes(bytes), "flipped"));
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
        ++refused;
      }
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
    }
  }
  EXPECT_GT(refused, 1000);  // all lengths, counts and types
}

TEST_F(GgufTest, RefusesAHugeLengthBeforeAllocating) {
  std::string bytes = tiny_bytes();
  const std::string key = "tokenizer.ggml.tokens";
  const std::uint64_t huge = ~std::uint64_t{0} / 2;
  std::memcpy(bytes.data() + bytes.find(key) + key.size() + 8, &huge, sizeof huge);
  const Error error = read_error(bytes);
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error.what(), HasSubstr("more than the file holds"));
}

TEST_F(GgufTest, RefusesAnArchitectureWithoutRmsNorm) {
  std::string bytes = tiny_bytes();
  bytes[bytes.find("layer_norm_rms_epsilon")] = 'L';  // the key is then another one
  const Error error = read_error(bytes);
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("RMSNorm"));
}

}  // namespace
}  // namespace pema::plm
