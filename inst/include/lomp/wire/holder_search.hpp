// Side: any process.
/// \file
/// Finds, in a serialized value, the objects that hold its pointers.
#ifndef LOMP_WIRE_HOLDER_SEARCH_HPP
#define LOMP_WIRE_HOLDER_SEARCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lomp {

/// Reads the bytes that R's serialization (version 3, native binary) has made of a value, and tells
/// whether pointers at given places lie outside of all objects of some classes. The bytes have all
/// that the value has, and to read them forces no promise and calls no active binding. It takes one
/// pass, less work than to make the value again, and no recursion, however deep the value is.
class HolderSearch {
 public:
  /// What was found: a pointer that no harmless object holds, and the class of the innermost object
  /// around it; "" if that has none. Bytes that can't be understood count as found.
  struct Holder {
    bool is_found = false;
    std::string name;
  };

  /// The bytes, the classes and the places (how many bytes precede each pointer, ascending) stay
  /// the caller's, and alive.
  HolderSearch(const unsigned char* data, std::size_t size,
               const std::vector<std::uint64_t>& places, const std::vector<std::string>& harmless)
      : data_(data), size_(size), places_(places), harmless_(harmless) {}

  Holder run() {
    objects_.emplace_back();
    skip_header();
    push(TaskKind::item);
    while (!tasks_.empty() && !is_lost_) step();
    if (is_lost_ || at_ != size_) return {true, ""};
    return {objects_[0].found.is_found, std::string(objects_[0].found.name)};
  }

 private:
  // What stands for an object's type in the bytes.
  enum Type : unsigned {
    symbol = 1,
    pairlist = 2,
    closure = 3,
    environment = 4,
    promise = 5,
    language = 6,
    special = 7,
    builtin = 8,
    chars = 9,
    logicals = 10,
    integers = 13,
    doubles = 14,
    complexes = 15,
    strings = 16,
    dots = 17,
    list = 19,
    expressions = 20,
    bytecode = 21,
    pointer = 22,
    weak_reference = 23,
    bytes = 24,
    s4_object = 25,
    compact = 238,
    pairlist_with_attributes = 239,
    language_with_attributes = 240,
    base_environment = 241,
    empty_environment = 242,
    repeated_language = 243,
    language_to_repeat = 244,
    persistent = 247,
    package = 248,
    name_space = 249,
    base_namespace = 250,
    missing_argument = 251,
    unbound_value = 252,
    global_environment = 253,
    null_value = 254,
    reference = 255
  };
  static constexpr std::uint32_t type_mask = 0xff, has_attributes = 1u << 9, has_tag = 1u << 10;

  // What is still to be read, the next of it on top.
  enum class TaskKind { item, items, attributes, code, constants, constant, language, close };
  struct Task {
    TaskKind kind;
    std::uint64_t count;
  };

  struct Finding {
    bool is_found = false;
    std::string_view name;
  };

  // An object whose class may come yet, since attributes are the last of it.
  struct Object {
    Finding found;
    std::string_view name;
    bool is_harmless = false;
    std::size_t entry = 0;  // in the table below, from 1; 0 if it has none
  };

  // Symbols, environments and pointers are written once, and referred to by number from then on.
  struct Entry {
    bool is_class = false;
    Finding found;
  };

  // ---- Bytes ----

  void lose() { is_lost_ = true; }

  std::string_view take(std::uint64_t count, std::size_t width = 1) {
    if (count > (size_ - at_) / width) {
      lose();
      return {};
    }
    const char* begin = reinterpret_cast<const char*>(data_ + at_);
    at_ += static_cast<std::size_t>(count) * width;
    return {begin, static_cast<std::size_t>(count) * width};
  }

  std::uint32_t get() {
    std::uint32_t word = 0;
    const std::string_view taken = take(1, sizeof word);
    if (!taken.empty()) std::memcpy(&word, taken.data(), sizeof word);
    return word;
  }

  std::uint32_t peek() {
    const std::size_t at = at_;
    const std::uint32_t word = get();
    at_ = at;
    return word;
  }

  std::uint64_t get_length() {
    const std::uint32_t length = get();
    if (length != UINT32_MAX) return length;
    const std::uint64_t upper = get();
    return upper << 32 | get();
  }

  void skip_header() {
    if (take(2) != "B\n") return lose();
    if (get() != 3) return lose();
    take(2, sizeof(std::uint32_t));  // versions of R
    take(get());                     // the encoding's name
  }

  std::string_view get_chars() {
    if ((get() & type_mask) != chars) lose();
    const std::uint32_t length = get();
    return length == UINT32_MAX ? std::string_view() : take(length);
  }

  void skip_strings(std::uint64_t count) {
    for (; count > 0 && !is_lost_; --count) get_chars();
  }

  // ---- Objects ----

  void push(TaskKind kind, std::uint64_t count = 0) { tasks_.push_back({kind, count}); }

  // An object begins, which ends with its attributes. What else it has is to be pushed then.
  void open(bool reads_attributes, std::size_t entry = 0, std::string_view name = {}) {
    objects_.emplace_back();
    objects_.back().entry = entry;
    objects_.back().name = name;
    push(TaskKind::close);
    if (reads_attributes) push(TaskKind::attributes);
  }

  void close() {
    const Object object = objects_.back();
    Finding found = object.found;
    if (object.is_harmless) found = {};
    if (found.is_found && found.name.empty()) found.name = object.name;
    objects_.pop_back();
    if (object.entry > 0) entries_[object.entry - 1].found = found;
    mark(found);
  }

  void mark(const Finding& found) {
    Finding& first = objects_.back().found;
    if (found.is_found && !first.is_found) first = found;
  }

  std::size_t add_entry() {
    entries_.emplace_back();
    return entries_.size();
  }

  // Of an environment that is still being read nothing is known, but what encloses it will hear.
  const Entry& get_entry(std::uint32_t flags) {
    static const Entry none;
    const std::uint32_t packed = flags >> 8;
    const std::size_t number = packed > 0 ? packed : get();
    if (number > 0 && number <= entries_.size()) return entries_[number - 1];
    lose();
    return none;
  }

  bool is_noted(std::uint64_t place) {
    while (next_place_ < places_.size() && places_[next_place_] < place) ++next_place_;
    return next_place_ < places_.size() && places_[next_place_] == place;
  }

  // ---- Items ----

  void step() {
    const Task task = tasks_.back();
    tasks_.pop_back();
    switch (task.kind) {
      case TaskKind::item:
        return read_item();
      case TaskKind::items:
        return next_of(task, TaskKind::item);
      case TaskKind::attributes:
        return read_attributes();
      case TaskKind::code:
        push(TaskKind::constants);
        return push(TaskKind::item);
      case TaskKind::constants:
        return push(TaskKind::constant, get());
      case TaskKind::constant:
        return next_of(task, TaskKind::language);
      case TaskKind::language:
        return read_language();
      case TaskKind::close:
        return close();
    }
  }

  // One of so many, and then the others. Nothing is left below the last one, so that a pairlist may
  // be as long as it likes.
  void next_of(const Task& task, TaskKind kind) {
    if (task.count > 1) push(task.kind, task.count - 1);
    if (task.count > 0) push(kind);
  }

  static std::size_t width_of(unsigned type) {
    switch (type) {
      case logicals:
      case integers:
        return 4;
      case doubles:
        return 8;
      case complexes:
        return 16;
      default:
        return type == bytes ? 1 : 0;
    }
  }

  // A type is all that there is of them.
  static bool is_bare(unsigned type) {
    switch (type) {
      case base_environment:
      case empty_environment:
      case base_namespace:
      case missing_argument:
      case unbound_value:
      case global_environment:
      case null_value:
        return true;
      default:
        return false;
    }
  }

  void read_item() {
    const std::uint64_t place = at_;
    const std::uint32_t flags = get();
    const unsigned type = flags & type_mask;
    if (is_bare(type)) return;
    switch (type) {
      case symbol:
        return read_symbol();
      case reference:
        return mark(get_entry(flags).found);
      case persistent:
      case name_space:
      case package:
        return read_names();
      case environment:
        return read_environment();
      case pairlist:
      case language:
      case closure:
      case promise:
      case dots:
        return read_cell(flags);
      case pointer:
        return read_pointer(flags, place);
      default:
        return read_vector(flags);
    }
  }

  void read_symbol() {
    const bool is_class = get_chars() == "class";
    entries_[add_entry() - 1].is_class = is_class;
  }

  void read_names() {
    add_entry();
    get();
    skip_strings(get());
  }

  void read_environment() {
    open(true, add_entry());
    get();  // is it locked?
    push(TaskKind::items, 3);
  }

  // A long pairlist takes one task at a time. A closure is of class "function".
  void read_cell(std::uint32_t flags) {
    const bool is_closure = (flags & type_mask) == closure;
    if (is_closure || flags & has_attributes) {
      open(false, 0, is_closure ? "function" : "");
    }
    push(TaskKind::items, flags & has_tag ? 3 : 2);
    if (flags & has_attributes) push(TaskKind::attributes);
  }

  void read_pointer(std::uint32_t flags, std::uint64_t place) {
    open(flags & has_attributes, add_entry());
    if (is_noted(place)) mark({true, {}});
    push(TaskKind::items, 2);
  }

  void read_vector(std::uint32_t flags) {
    const unsigned type = flags & type_mask;
    const bool is_compact = type == compact;
    if (is_compact || flags & has_attributes) open(true);
    switch (type) {
      case strings:
        return skip_strings(get_length());
      case list:
      case expressions:
        return push(TaskKind::items, get_length());
      case compact:
        return push(TaskKind::items, 2);
      case bytecode:
        get();  // how many parts of it are repeated
        return push(TaskKind::code);
      case special:
      case builtin:
      case chars:
        return skip_name();
      case weak_reference:
        add_entry();
        return;
      case s4_object:
        return;
      default:
        return skip_elements(width_of(type));
    }
  }

  void skip_name() {
    const std::uint32_t length = get();
    if (length != UINT32_MAX) take(length);
  }

  void skip_elements(std::size_t width) {
    if (width == 0) return lose();
    take(get_length(), width);
  }

  // The parts of a bytecode's source are written in a way of their own.
  void read_language() {
    std::uint32_t type = get();
    if (type == bytecode) return push(TaskKind::code);
    if (type == repeated_language) {
      get();
      return;
    }
    if (type == language_to_repeat) {
      get();
      type = get();
    }
    const bool is_plain = type == language || type == pairlist;
    const bool reads_attributes =
        type == language_with_attributes || type == pairlist_with_attributes;
    if (!is_plain && !reads_attributes) return push(TaskKind::item);
    if (reads_attributes) open(false);
    push(TaskKind::language);
    push(TaskKind::language);
    push(TaskKind::item);
    if (reads_attributes) push(TaskKind::attributes);
  }

  // ---- Attributes ----

  // They belong to the object that was opened last.
  void read_attributes() {
    const std::uint32_t flags = get();
    if ((flags & type_mask) == null_value) return;
    if ((flags & type_mask) != pairlist || flags & has_attributes || !(flags & has_tag)) {
      return lose();
    }
    const bool is_class = read_tag();
    push(TaskKind::attributes);
    if (is_class && (peek() & type_mask) == strings) return read_class();
    push(TaskKind::item);
  }

  bool read_tag() {
    const std::uint32_t flags = get();
    if ((flags & type_mask) == reference) return get_entry(flags).is_class;
    if ((flags & type_mask) == symbol) {
      read_symbol();
    } else {
      lose();
    }
    return !is_lost_ && entries_.back().is_class;
  }

  void read_class() {
    const std::uint32_t flags = get();
    std::uint64_t count = get_length();
    Object& object = objects_.back();
    for (bool is_first = true; count > 0 && !is_lost_; --count, is_first = false) {
      const std::string_view name = get_chars();
      if (is_first) object.name = name;
      const bool is_listed = std::find(harmless_.begin(), harmless_.end(), name) != harmless_.end();
      object.is_harmless = object.is_harmless || is_listed;
    }
    if (flags & has_attributes) open(true);
  }

  const unsigned char* data_;
  std::size_t size_;
  const std::vector<std::uint64_t>& places_;
  const std::vector<std::string>& harmless_;
  std::size_t at_ = 0;
  std::size_t next_place_ = 0;
  bool is_lost_ = false;
  std::vector<Task> tasks_;
  std::vector<Object> objects_;
  std::vector<Entry> entries_;
};

}  // namespace lomp

#endif
