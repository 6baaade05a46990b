/// A strict reader of the markup that the report writes, for its tests.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pema::tools::report {

/// What `check_markup` found.
struct Markup {
  std::string error;               ///< "" where the page is well-formed
  std::vector<std::string> tags;   ///< start tags in order
  std::set<std::string> ids;       ///< values of id attributes
  std::vector<std::string> words;  ///< text nodes that are not blank, entities as written
};

/// Whether `text` has no '<' and only known character references.
inline bool escaped(std::string_view text) {
  static const std::set<std::string_view> kKnown = {"amp", "lt", "gt", "quot"};
  if (text.find('<') != std::string_view::npos) return false;
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const std::size_t end = text.find(';', at);
    if (end == std::string_view::npos || end - at > 8) return false;
    const std::string_view name = text.substr(at + 1, end - at - 1);
    const bool numeric = name.size() > 1 && name[0] == '#' &&
                         name.find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (!numeric && !kKnown.contains(name)) return false;
  }
  return true;
}

/// Parses the attributes of one start tag; "" or what is wrong.
inline std::string check_attributes(std::string_view rest, Markup& out) {
  std::set<std::string_view> seen;
  while (!rest.empty()) {
    const std::size_t start = rest.find_first_not_of(" \n");
    if (start == std::string_view::npos) break;
    rest.remove_prefix(start);
    const std::size_t equals = rest.find("=\"");
    if (equals == std::string_view::npos) return "attribute without value: " + std::string(rest);
    const std::string_view name = rest.substr(0, equals);
    if (name.find_first_of(" \"'<>") != std::string_view::npos) {
      return "bad attribute name: " + std::string(name);
    }
    if (!seen.insert(name).second) return "repeated attribute: " + std::string(name);
    rest.remove_prefix(equals + 2);
    const std::size_t close = rest.find('"');
    if (close == std::string_view::npos) return "open attribute: " + std::string(name);
    const std::string value(rest.substr(0, close));
    if (!escaped(value)) return "unescaped attribute: " + value;
    if (name == "id" && !out.ids.insert(value).second) return "repeated id: " + value;
    rest.remove_prefix(close + 1);
  }
  return "";
}

/// Reads a whole page: every tag closed in order, attributes quoted and unique, ids unique, text
/// escaped.
inline Markup check_markup(std::string_view page) {
  Markup out;
  const auto wrong = [&](std::string what) {
    out.error = std::move(what);
    return out;
  };
  constexpr std::string_view kDoctype = "<!DOCTYPE html>\n";
  if (!page.starts_with(kDoctype)) return wrong("no doctype");
  page.remove_prefix(kDoctype.size());
  std::vector<std::string> open;
  while (!page.empty()) {
    const std::size_t tag = page.find('<');
    const std::string_view text = page.substr(0, tag);
    if (!escaped(text)) return wrong("unescaped text: " + std::string(text.substr(0, 80)));
    if (text.find_first_not_of(" \n") != std::string_view::npos) {
      if (open.empty()) return wrong("text outside the root");
      out.words.emplace_back(text);
    }
    if (tag == std::string_view::npos) break;
    page.remove_prefix(tag + 1);
    const std::size_t end = page.find('>');
    if (end == std::string_view::npos) return wrong("open tag");
    std::string_view inside = page.substr(0, end);
    page.remove_prefix(end + 1);
    if (inside.starts_with("/")) {
      const std::string name(inside.substr(1));
      if (open.empty() || open.back() != name) return wrong("stray </" + name + ">");
      open.pop_back();
      continue;
    }
    const bool empty = inside.ends_with("/");
    if (empty) inside.remove_suffix(1);
    const std::size_t space = inside.find_first_of(" \n");
    const std::string name(inside.substr(0, space));
    if (name.empty() || std::isalpha(static_cast<unsigned char>(name[0])) == 0) {
      return wrong("bad tag: " + name);
    }
    out.tags.push_back(name);
    const std::string_view rest =
        space == std::string_view::npos ? std::string_view() : inside.substr(space);
    if (const std::string what = check_attributes(rest, out); !what.empty()) return wrong(what);
    if (!empty) open.push_back(name);
  }
  if (!open.empty()) return wrong("unclosed <" + open.back() + ">");
  return out;
}

}  // namespace pema::tools::report
