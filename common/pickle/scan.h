// Scan: one pass over a pickle, which finds out where each object in it begins and ends.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/pickle/limits.h"
#include "common/pickle/token.h"

namespace reeve::pickle {

inline constexpr std::uint32_t nothing = ~std::uint32_t{0};

// An object on the unpickler's stack, as the range of bytes that makes it. Entries tile the pickle: one begins where
// the entry below it ended (or behind its MARK), so what was popped in between belongs to the next one.
struct Entry {
  enum class Kind : std::uint8_t { atom, tuple, list, dict, set, frozenset, global, object, reference };

  std::uint32_t begin, end;  // in bytes; a container grows while it is filled
  std::uint32_t opcode;      // where the opcode is that made it
  Kind kind;
  bool built = false;          // an object with a state: its last child
  std::uint32_t depth = 1;     // of nesting; a reference counts as 1
  std::uint32_t children = 0;  // of a dict: keys and values in turn; of an object: callable, arguments, items
  std::uint32_t first = nothing, last = nothing;  // of the children
  std::uint32_t next = nothing;                   // its sibling
  std::uint32_t operands = 0;      // of an object: how many children made it; others are items or its state
  std::uint32_t target = nothing;  // of a reference: the entry it means
  std::uint32_t put = nothing;     // where it was first memoised
  std::uint32_t edge = nothing;    // of a frozenset: its MARK; of a set: its last ADDITEMS
  // The slicer's: valid while `slice` is the number of its present slice.
  std::uint32_t slice = 0, number = nothing;
};

// A place that a slice treats in its own way; everything between two of them is copied as it is.
struct Event {
  enum class Kind : std::uint8_t {
    skip,  // PROTO, FRAME
    put,
    get,
    protocol,      // an opcode above protocol 2; of ADDITEMS, the entry is what it fills
    high_bytes,    // a Python 2 str with bytes above 127
    global,        // GLOBAL, INST: the names are in the argument
    stack_global,  // the names are the entry's children
    proxy,         // REDUCE of RebuildProxy
  };
  std::uint32_t at;
  std::uint32_t entry;  // put, stack_global, proxy: on top; get: the one meant
  Kind kind;
  std::uint8_t bytes;     // put, get, skip: of the opcode with its argument
  std::uint8_t protocol;  // of the opcode
};

// Scan holds the entries and events of one pickle. It executes nothing, decodes nothing, and does not recurse.
//
// Owner: whoever parses; kept between pickles for its memory.  Thread: any one at a time.
// Always: after a scan that succeeded, every entry's range lies within the pickle, children lie within their parent,
// and a reference's target was made before it.
class Scan {
 public:
  explicit Scan(const Limits& limits = {}) : limits_(limits) {}

  // A whole pickle, from PROTO (or none, before protocol 2) to STOP, which is its last byte. `pickle` has to stay
  // where it is as long as the scan is looked at. protocol_error: malformed or hostile; limit_reached.
  Result<void> pickle(std::string_view pickle);
  // What a fragment consists of: neither PROTO nor STOP.
  Result<void> fragment(std::string_view bytes);

  std::string_view bytes() const { return bytes_; }
  std::uint8_t protocol() const { return protocol_; }
  std::uint32_t top() const { return stack_.front(); }
  const Limits& limits() const { return limits_; }

  const Entry& entry(std::uint32_t index) const { return entries_[index]; }
  Entry& entry(std::uint32_t index) { return entries_[index]; }
  std::uint32_t entries() const { return static_cast<std::uint32_t>(entries_.size()); }
  const std::vector<Event>& events() const { return events_; }
  std::uint32_t next_slice() { return ++slice_; }
  std::uint64_t inlined_bytes_left = 0;  // the slicer's

  std::uint32_t resolve(std::uint32_t index) const {
    while (entries_[index].kind == Entry::Kind::reference) index = entries_[index].target;
    return index;
  }
  // Child `i` of an entry, resolved. Pre: i < children.
  std::uint32_t child(const Entry& entry, std::uint32_t i) const;

  // The token of the opcode at `at`, which the scan has seen.
  Token token(std::uint32_t at) const;
  std::string_view argument(std::uint32_t at) const;
  // The characters of a text: unicode, or a Python 2 str of ASCII alone. Escaped forms have none.
  std::optional<std::string_view> text(std::uint32_t index) const;
  struct Name {
    std::string_view module, name;
    bool operator==(const Name&) const = default;
  };
  // The name of a class or function. Pre: the entry, resolved, is a global.
  Name name(std::uint32_t index) const;
  static Name split_name(std::string_view lines);

 private:
  enum class Form : std::uint8_t { pickle, fragment };
  struct Mark {
    std::uint32_t height, at;
  };

  void reset(std::string_view bytes);
  Result<void> run(std::string_view bytes, Form form);
  bool step(const Opcode& opcode, const Token& token);
  bool mark(const Token& token);
  bool push(const Token& token, Entry::Kind kind);
  bool push_from(std::uint32_t begin, const Token& token, Entry::Kind kind, std::uint32_t first_on_stack);
  bool push_marked(const Token& token, Entry::Kind kind);
  bool decimal(const Token& token);
  bool quoted(const Token& token);
  bool python2_string(const Token& token);
  bool global(const Token& token, Entry::Kind kind);
  bool memo_put(const Token& token, std::uint32_t number);
  bool memo_get(const Token& token);
  bool memo_number(const Token& token, std::uint32_t& number);
  std::uint32_t* memo_slot(std::uint32_t number);
  bool pop(const Token& token);
  bool pop_mark(const Token& token);
  bool tuple_of(const Token& token, std::uint32_t count);
  bool grow(const Token& token, Entry::Kind kind, std::uint32_t first_on_stack, std::uint32_t multiple);
  bool grow_marked(const Token& token, Entry::Kind kind, std::uint32_t multiple);
  bool build(const Token& token);
  bool construct(const Token& token, std::uint32_t operands);
  bool stack_global(const Token& token);
  bool adopt(std::uint32_t parent, std::uint32_t first_on_stack, bool keep);
  void note(const Token& token, Event::Kind kind, std::uint32_t entry = nothing);

  std::uint32_t floor() const { return marks_.empty() ? 0 : marks_.back().height; }
  bool holds(std::uint32_t count) const { return stack_.size() >= std::size_t{floor()} + count; }
  std::uint32_t boundary() const;
  bool broken(const Token& token, std::string_view what);
  bool beyond(const Token& token, std::string_view limit, std::uint64_t value);

  Limits limits_;
  std::string_view bytes_;
  std::uint8_t protocol_ = 0;
  std::uint64_t class_names_bytes_ = 0;
  std::vector<Entry> entries_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> stack_;
  std::vector<Mark> marks_;
  // Picklers number from 0 or 1 on, without gaps; numbers that skip some are kept apart.
  std::vector<std::uint32_t> memo_;
  std::unordered_map<std::uint32_t, std::uint32_t> sparse_memo_;
  std::uint32_t memo_count_ = 0;
  std::uint32_t slice_ = 0;
  std::optional<Error> error_;
};

}  // namespace reeve::pickle
