#include "tools/commands/receipt_print.h"

#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

Json place_json(const ErasedPlace& place) {
  Json document;
  document["place"] = to_string(place.place);
  document["state"] = to_string(place.state);
  document["items"] = place.items;
  document["bytes"] = place.bytes;
  document["where"] = place.where;
  document["note"] = place.note;
  return document;
}

}  // namespace

Json receipt_json(const ErasureReceipt& receipt) {
  Json document;
  document["found"] = receipt.found;
  document["complete"] = receipt.complete();
  document["event"] = {{"sequence", receipt.event.sequence}, {"hash", receipt.event.hash.hex()}};
  document["places"] = Json::array();
  for (const ErasedPlace& place : receipt.places) document["places"].push_back(place_json(place));
  return document;
}

std::string receipt_text(const ErasureReceipt& receipt) {
  Table table({"PLACE", "STATE", ">ITEMS", ">BYTES", "NOTE"});
  for (const ErasedPlace& place : receipt.places) {
    const std::string where = place.where.empty() ? "" : printable(place.where) + ": ";
    table.add({std::string(to_string(place.place)), std::string(to_string(place.state)),
               std::to_string(place.items), std::to_string(place.bytes),
               place.where.empty() ? place.note : where + place.note});
  }
  return table.text() + (receipt.complete()
                             ? "nothing is left\n"
                             : "something is left, or may be: see the notes above\n");
}

}  // namespace pema::tools
