#include "common/pickle/slice.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "common/pickle/class_list.h"

namespace reeve::pickle {

namespace {

using Kind = Event::Kind;

// Appends to a fragment what a walk over an entry's range finds.
class FragmentWriter {
 public:
  FragmentWriter(Scan& scan, std::uint32_t slice, Fragment& out)
      : scan_(scan), slice_(slice), out_(out), classes_(out.classes) {
    constexpr std::size_t kept_bytes_max = 1u << 16;
    if (out.bytes.capacity() > kept_bytes_max) out.bytes = {};
    out.bytes.clear();
    out.fixups.clear();
    out.memo_count = 0;
    out.protocol = 2;
    out.python2_names = scan.protocol() <= 2;
    out.high_bytes = false;
    out.classes.clear();
    out.token_idents.clear();
  }

  void copy(std::uint32_t begin, std::uint32_t end) { out_.bytes.append(scan_.bytes(), begin, end - begin); }
  // Keeps the number only if a get will ask for it.
  void put(std::uint32_t index) {
    Entry& entry = scan_.entry(index);
    if (entry.slice != slice_ || entry.number != nothing) return;
    entry.number = out_.memo_count++;
    memo(op::long_binput, entry.number);
  }
  void get(std::uint32_t index) { memo(op::long_binget, scan_.entry(index).number); }
  void pop() { out_.bytes += op::pop; }

  // What the fragment says about its bytes.
  void note(const Event& event) {
    out_.protocol = std::max(out_.protocol, event.protocol);
    if (event.kind == Kind::high_bytes) out_.high_bytes = true;
    if (event.kind == Kind::global) add(Scan::split_name(scan_.argument(event.at)));
    if (event.kind == Kind::stack_global) add(scan_.name(event.entry));
    if (event.kind == Kind::proxy)
      if (const auto ident = token_ident(scan_, event.entry); ident && idents_.insert(*ident).second)
        out_.token_idents.emplace_back(*ident);
  }

 private:
  void add(Scan::Name name) { classes_.add(name.module, name.name); }
  void memo(char code, std::uint32_t number) {
    out_.bytes += code;
    out_.fixups.push_back(static_cast<std::uint32_t>(out_.bytes.size()));
    out_.bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }

  Scan& scan_;
  std::uint32_t slice_;
  Fragment& out_;
  ClassList classes_;
  std::unordered_set<std::string_view> idents_;  // as the scan's bytes have them
};

std::vector<Event>::const_iterator first_event(const Scan& scan, std::uint32_t at) {
  return std::ranges::lower_bound(scan.events(), at, {}, &Event::at);
}

// Marks what the range's references mean. False: some of that lies outside of the range.
bool mark_used(Scan& scan, const Entry& entry, std::uint32_t slice) {
  for (auto event = first_event(scan, entry.begin); event != scan.events().end() && event->at < entry.end;
       ++event) {
    if (event->kind == Kind::get) {
      Entry& meant = scan.entry(event->entry);
      if (meant.put < entry.begin) return false;
      meant.slice = slice;
      meant.number = nothing;
    } else if (event->kind == Kind::put && scan.entry(event->entry).put != event->at) {
      return false;  // memoised once more
    }
  }
  return true;
}

void write_range(const Scan& scan, const Entry& entry, FragmentWriter& writer) {
  std::uint32_t from = entry.begin;
  for (auto event = first_event(scan, entry.begin); event != scan.events().end() && event->at < entry.end;
       ++event) {
    if (event->kind > Kind::get) {
      writer.note(*event);
      continue;
    }
    writer.copy(from, event->at);
    from = event->at + event->bytes;
    if (event->kind == Kind::put) writer.put(event->entry);
    if (event->kind == Kind::get) writer.get(event->entry);
  }
  writer.copy(from, entry.end);
}

// Walks an entry whose references go outside of it, or that is memoised twice: the definitions that it needs are
// walked in their place.
class Inliner {
 public:
  Inliner(Scan& scan, std::uint32_t slice) : scan_(scan), slice_(slice) {
    const Limits& limits = scan.limits();
    const auto alone =
        std::uint64_t{limits.inline_factor_max} * scan.bytes().size() + limits.inline_extra_bytes;
    budget_ = std::min(alone, scan.inlined_bytes_left);
  }

  Result<void> walk(std::uint32_t index) {
    const std::uint64_t before = budget_;
    const Entry& entry = scan_.entry(index);
    top_ = index;
    // Where a container that was not memoised can be, in case that it lies in something that it refers to.
    const bool fillable = entry.kind == Entry::Kind::list || entry.kind == Entry::Kind::dict ||
                          entry.kind == Entry::Kind::set || entry.kind == Entry::Kind::object;
    if (fillable && entry.put == nothing) top_made_ = scan_.token(entry.opcode).end;
    enter(entry);
    while (!walks_.empty()) {
      if (!step())
        return fail(
            Errc::limit_reached,
            "one part stands in many elements and would be written out for each of them, which is too "
            "much (inline_factor_max is {}, inline_depth_max {}, inline_bytes_max {})",
            scan_.limits().inline_factor_max, scan_.limits().inline_depth_max,
            scan_.limits().inline_bytes_max);
    }
    scan_.inlined_bytes_left -= before - budget_;
    return {};
  }

  void write(FragmentWriter& writer) const {
    for (const Step& step : steps_) {
      if (step.kind == Step::Kind::copy) writer.copy(step.a, step.b);
      if (step.kind == Step::Kind::note) writer.note(scan_.events()[step.a]);
      if (step.kind == Step::Kind::put) writer.put(step.a);
      if (step.kind == Step::Kind::popget) writer.pop();
      if (step.kind == Step::Kind::get || step.kind == Step::Kind::popget) writer.get(step.a);
    }
  }

 private:
  struct Step {
    enum class Kind : std::uint8_t { copy, note, put, get, popget } kind;
    std::uint32_t a, b;
  };
  struct Walk {
    std::uint32_t at, end;
  };

  void enter(const Entry& entry) { walks_.push_back({entry.begin, entry.end}); }

  // The next definition at or behind `walk.at` that was written before and ends within the walk: the widest of those
  // that begin there.
  const Entry* known_definition(const Walk& walk, std::uint32_t before, std::uint32_t& index) const {
    auto at = known_.lower_bound({walk.at, 0});
    while (at != known_.end() && at->first.first <= before) {
      const std::uint32_t begin = at->first.first;
      const auto behind = known_.upper_bound({begin, walk.end});
      const auto widest = behind == known_.begin() ? known_.end() : std::prev(behind);
      if (widest != known_.end() && widest->first.first == begin) {
        index = widest->second;
        return &scan_.entry(index);
      }
      at = known_.upper_bound({begin, nothing});
    }
    return nullptr;
  }

  bool step() {
    Walk& walk = walks_.back();
    const auto event = first_event(scan_, walk.at);
    const bool has_event = event != scan_.events().end() && event->at < walk.end;
    const std::uint32_t next = has_event ? event->at : walk.end;
    const bool made_before = walk.at <= top_made_ && top_made_ <= next && !is_known(top_);
    const std::uint32_t stop = made_before ? top_made_ : next;
    std::uint32_t index = nothing;
    if (const Entry* known = known_definition(walk, std::min(stop, walk.end - 1), index)) {
      const bool paid = copy(walk.at, known->begin);
      walk.at = known->end;
      return paid && get(index, Step::Kind::get);
    }
    if (!copy(walk.at, stop)) return false;
    walk.at = stop;
    if (made_before) return put(top_);
    if (!has_event) {
      walks_.pop_back();
      return true;
    }
    if (event->kind > Kind::get) {  // its opcode is copied with what follows
      steps_.push_back({Step::Kind::note, static_cast<std::uint32_t>(event - scan_.events().begin()), 0});
      const std::uint32_t end = scan_.token(event->at).end;
      walk.at = end;
      return copy(event->at, end) && pay(names_bytes(*event));
    }
    walk.at = event->at + event->bytes;
    if (event->kind == Kind::put) return put(event->entry);
    if (event->kind == Kind::get) return refer(event->entry);
    return true;
  }

  bool put(std::uint32_t index) {
    if (is_known(index))
      return get(index, Step::Kind::popget);  // an immutable value in a cycle, finished again
    Entry& entry = scan_.entry(index);
    entry.slice = slice_;
    entry.number = unused;
    known_[{entry.begin, entry.end}] = index;
    steps_.push_back({Step::Kind::put, index, 0});
    return pay(memo_bytes);
  }

  bool refer(std::uint32_t index) {
    if (is_known(index)) return get(index, Step::Kind::get);
    if (walks_.size() >= scan_.limits().inline_depth_max) return false;
    enter(scan_.entry(index));
    return true;
  }

  bool get(std::uint32_t index, Step::Kind kind) {
    scan_.entry(index).number = nothing;  // used, and not numbered yet
    steps_.push_back({kind, index, 0});
    return pay(memo_bytes);
  }

  bool copy(std::uint32_t begin, std::uint32_t end) {
    if (begin == end) return true;
    steps_.push_back({Step::Kind::copy, begin, end});
    return pay(end - begin);
  }

  bool is_known(std::uint32_t index) const { return scan_.entry(index).slice == slice_; }
  bool pay(std::uint64_t bytes) {
    if (bytes > budget_) return false;
    budget_ -= bytes;
    return true;
  }

  // A fragment lists its classes, also those whose names are memoised texts.
  std::uint64_t names_bytes(const Event& event) const {
    if (event.kind != Kind::stack_global) return 0;
    const Scan::Name name = scan_.name(event.entry);
    return name.module.size() + name.name.size();
  }

  static constexpr std::uint32_t unused = nothing - 1;  // memoised, but nobody asked
  static constexpr std::uint64_t memo_bytes = 5;

  Scan& scan_;
  std::uint32_t slice_;
  std::uint64_t budget_;
  std::uint32_t top_ = nothing, top_made_ = nothing;
  std::vector<Walk> walks_;
  std::vector<Step> steps_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t>
      known_;  // what was written, by begin and end
};

}  // namespace

std::optional<std::uint32_t> token_state(const Scan& scan, std::uint32_t proxy) {
  constexpr std::uint32_t token_in_arguments = 1, state_in_token = 2, state_parts = 3;
  const Entry& made = scan.entry(proxy);
  const Entry& arguments = scan.entry(scan.child(made, 1));
  if (arguments.kind != Entry::Kind::tuple || arguments.children <= token_in_arguments) return {};
  const Entry& token = scan.entry(scan.child(arguments, token_in_arguments));
  if (token.kind != Entry::Kind::object || !token.built || token.children <= state_in_token) return {};
  const std::uint32_t state = scan.child(token, state_in_token);
  if (scan.entry(state).kind != Entry::Kind::tuple || scan.entry(state).children < state_parts) return {};
  return state;
}

std::optional<std::string_view> token_ident(const Scan& scan, std::uint32_t proxy) {
  constexpr std::uint32_t ident_in_state = 2;
  const auto state = token_state(scan, proxy);
  if (!state) return {};
  const auto ident = scan.text(scan.child(scan.entry(*state), ident_in_state));
  constexpr std::size_t ident_bytes_max = 4096;  // far longer than those of any server
  return ident && ident->size() <= ident_bytes_max ? ident : std::nullopt;
}

Result<void> slice(Scan& scan, std::uint32_t index, Fragment& out) {
  const std::uint32_t number = scan.next_slice();
  const Entry entry = scan.entry(index);
  if (mark_used(scan, entry, number)) {
    FragmentWriter writer{scan, number, out};
    write_range(scan, entry, writer);
    return {};
  }
  const std::uint32_t again = scan.next_slice();
  Inliner inliner{scan, again};
  if (Result<void> walked = inliner.walk(index); !walked) return walked;
  FragmentWriter writer{scan, again, out};
  inliner.write(writer);
  // Definitions within definitions can be nested deeper than anything in the pickle itself.
  return Scan{scan.limits()}.fragment(out.bytes);
}

}  // namespace reeve::pickle
