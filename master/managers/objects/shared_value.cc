#include "master/managers/objects/shared_value.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "master/managers/elements.h"
#include "master/managers/object_table.h"
#include "master/managers/objects/list.h"

namespace reeve::master::managers {
namespace {

using pickle::Value;

constexpr std::array<std::string_view, 2> value_methods{"get", "set"};
constexpr std::array<std::string_view, 5> array_methods{"__len__", "__getitem__", "__setitem__",
                                                        "__getslice__", "__setslice__"};
constexpr std::array<std::string_view, 3> make_names{"typecode", "value", "lock"};
constexpr std::array<std::string_view, 3> make_array_names{"typecode", "sequence", "lock"};

// The integers that a type code holds, as array.array has them on 64-bit Linux.
struct Bounds {
  std::int64_t lowest = 0;
  std::uint64_t highest = 0;
  std::size_t bytes = 0;
  std::string_view type;
};

template <typename T>
constexpr Bounds bounds(std::string_view type) {
  return {static_cast<std::int64_t>(std::numeric_limits<T>::min()),
          static_cast<std::uint64_t>(std::numeric_limits<T>::max()), sizeof(T), type};
}

std::optional<Bounds> bounds_of(char typecode) {
  switch (typecode) {
    case 'b':
      return bounds<std::int8_t>("signed char");
    case 'B':
      return bounds<std::uint8_t>("unsigned byte integer");
    case 'h':
      return bounds<std::int16_t>("signed short integer");
    case 'H':
      return bounds<std::uint16_t>("unsigned short");
    case 'i':
      return bounds<std::int32_t>("signed integer");
    case 'I':
      return bounds<std::uint32_t>("unsigned int");
    case 'l':
    case 'q':
      return bounds<std::int64_t>("signed integer");
    case 'L':
    case 'Q':
      return bounds<std::uint64_t>("unsigned int");
    default:
      return std::nullopt;
  }
}

bool is_real(char typecode) { return typecode == 'f' || typecode == 'd'; }

constexpr std::string_view bad_typecode = "bad typecode (must be b, B, h, H, i, I, l, L, q, Q, f or d)";
bool is_typecode(std::string_view text) {
  return text.size() == 1 && (bounds_of(text.front()) || is_real(text.front()));
}

// ---- numbers, and what array.array raises about them

using Number = std::variant<std::int64_t, std::uint64_t, double>;

std::expected<Number, Raise> real_of(const Value& value, char typecode) {
  const auto number = value.to_double();
  if (!number)
    return raise("TypeError", fmt::format("must be real number, not {}", pickle::type_name(value)));
  if (std::isinf(*number) && value.kind() == Value::Kind::integer)
    return raise("OverflowError", "int too large to convert to float");
  return typecode == 'f' ? Number{static_cast<double>(static_cast<float>(*number))} : Number{*number};
}

// The others are read as signed numbers of 64 bits, whether they are signed or not.
bool is_wide_unsigned(char typecode) { return typecode == 'I' || typecode == 'L' || typecode == 'Q'; }

// Pre: an int or a bool.
std::expected<Number, Raise> unsigned_of(const Value& value, char typecode) {
  const auto small = value.to_int64();
  if (small ? *small < 0 : value.big().negative())
    return raise("OverflowError", typecode == 'Q' ? "can't convert negative int to unsigned"
                                                  : "can't convert negative value to unsigned int");
  std::uint64_t number = static_cast<std::uint64_t>(small.value_or(0));
  if (!small) {
    const std::string bytes = value.big().to_bytes();  // of 2^63 and more: nine, and the ninth has a sign
    if (bytes.size() > 9 || bytes[8] != 0)
      return raise("OverflowError", typecode == 'Q' ? "int too big to convert"
                                                    : "Python int too large to convert to C unsigned long");
    for (std::size_t i = 0; i < 8; ++i)
      number |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  if (number > bounds_of(typecode)->highest)
    return raise("OverflowError", "unsigned int is greater than maximum");
  return Number{number};
}

// Pre: an int or a bool.
std::expected<Number, Raise> signed_of(const Value& value, char typecode) {
  const auto number = value.to_int64();
  if (!number)
    return raise("OverflowError",
                 typecode == 'q' ? "int too big to convert" : "Python int too large to convert to C long");
  // Python reads it as a wider type first, and complains in that one's name.
  const char wider = typecode == 'b' ? 'h' : typecode == 'H' ? 'i' : typecode;
  for (const char type : {wider, typecode}) {
    const Bounds limits = *bounds_of(type);
    if (*number < limits.lowest)
      return raise("OverflowError", fmt::format("{} is less than minimum", limits.type));
    if (*number > 0 && static_cast<std::uint64_t>(*number) > limits.highest)
      return raise("OverflowError", fmt::format("{} is greater than maximum", limits.type));
  }
  return Number{*number};
}

std::size_t number_bytes_of(char typecode) {
  if (const auto limits = bounds_of(typecode)) return limits->bytes;
  return typecode == 'f' ? sizeof(float) : sizeof(double);
}

// Machine values as array.array keeps them on x86 and ARM: little endian.
std::expected<std::vector<Number>, Raise> numbers_in(std::string_view bytes, char typecode) {
  const auto limits = bounds_of(typecode);
  const std::size_t size = number_bytes_of(typecode);
  if (bytes.size() % size != 0) return raise("ValueError", "bytes length not a multiple of item size");
  std::vector<Number> numbers;
  numbers.reserve(bytes.size() / size);
  for (; !bytes.empty(); bytes.remove_prefix(size)) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), size);
    const auto unused = limits && limits->lowest < 0 ? 64 - 8 * size : 0;  // the sign goes there
    if (typecode == 'f')
      numbers.emplace_back(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    else if (typecode == 'd')
      numbers.emplace_back(std::bit_cast<double>(bits));
    else if (is_wide_unsigned(typecode))
      numbers.emplace_back(bits);
    else
      numbers.emplace_back(static_cast<std::int64_t>(bits << unused) >> unused);
  }
  return numbers;
}

// ---- cells of an Array: so many numbers each, of 8 bytes, little endian

constexpr std::size_t cell_numbers = 128;
constexpr std::size_t number_bytes = 8;

std::uint64_t bits_of(const Number& number) {
  return std::visit([](auto n) { return std::bit_cast<std::uint64_t>(n); }, number);
}

}  // namespace

// ---- SharedValue

std::expected<std::shared_ptr<Object>, Raise> SharedValue::make(const Arguments& arguments) {
  const auto bound = arguments.bind("Value()", make_names, 2);
  if (!bound) return std::unexpected(bound.error());
  auto typecode = arguments.keep(*(*bound)[0]);
  if (!typecode) return std::unexpected(typecode.error());
  auto value = arguments.keep(*(*bound)[1]);
  if (!value) return std::unexpected(value.error());
  return std::make_shared<SharedValue>(std::move(*typecode), std::move(*value));
}

std::span<const std::string_view> SharedValue::exposed() const { return value_methods; }

Outcome SharedValue::call(Call& call) {
  if (call.method == "get") {
    if (auto error = call.arguments.none("get()")) return std::unexpected(std::move(*error));
    return Answer{value_};
  }
  const auto bound = call.arguments.bind("set()", std::array<std::string_view, 1>{"value"}, 1);
  if (!bound) return std::unexpected(bound.error());
  auto value = call.arguments.keep(*(*bound)[0]);
  if (!value) return std::unexpected(value.error());
  value_ = std::move(*value);
  if (cells.kept()) note_all();
  return Answer{};
}

// The value is one cell; the type code was declared.
void SharedValue::note_all() { cells.put(0, stored(value_)); }

Result<void> SharedValue::recall(std::int64_t, std::string_view content) {
  auto value = table->recall(content);
  if (!value) return fail(value.error());
  value_ = std::move(*value);
  return {};
}

std::string SharedValue::repr(std::size_t item_bytes_max, std::uint64_t& steps) const {
  const auto typecode = repr_of(typecode_, item_bytes_max, steps);
  const auto value = repr_of(value_, item_bytes_max, steps);
  return fmt::format("Value({}, {})", typecode.value_or("..."), value.value_or("..."));
}

// ---- SharedArray

std::expected<std::shared_ptr<Object>, Raise> SharedArray::make(const Arguments& arguments) {
  const auto bound = arguments.bind("Array()", make_array_names, 2);
  if (!bound) return std::unexpected(bound.error());
  const auto typecode = text_of(*(*bound)[0]);
  if (!typecode || !is_typecode(*typecode)) return raise("ValueError", std::string{bad_typecode});
  auto made = std::make_shared<SharedArray>(typecode->front());
  const Value given = value_of(*(*bound)[1]);
  if (given.kind() == Value::Kind::text)
    return raise("TypeError",
                 fmt::format("cannot use a str to initialize an array with typecode '{}'", *typecode));
  if (auto error = made->fill(given, *(*bound)[1], arguments.objects()))
    return std::unexpected(std::move(*error));
  return made;
}

std::optional<Raise> SharedArray::fill(const Value& given, const pickle::Fragment& fragment,
                                       const ObjectTable& objects) {
  if (given.kind() == Value::Kind::bytes || given.kind() == Value::Kind::bytearray) {
    const std::size_t count = given.chars().size() / number_bytes_of(numbers_.typecode);
    if (auto full = check_growth(count, objects)) return full;
    auto numbers = numbers_in(given.chars(), numbers_.typecode);
    if (!numbers) return numbers.error();
    numbers_.values = std::move(*numbers);
    return std::nullopt;
  }
  if (given.kind() == Value::Kind::list || given.kind() == Value::Kind::tuple)
    return add(given.elements(), objects, std::identity{});
  const auto elements = elements_of(fragment, objects);
  if (!elements) return elements.error();
  return add(*elements, objects, value_of);
}

std::optional<Raise> SharedArray::add(const auto& elements, const ObjectTable& objects,
                                      const auto& value_in) {
  if (auto full = check_growth(elements.size(), objects)) return full;
  numbers_.values.reserve(elements.size());
  for (const auto& element : elements) {
    const auto number = number_of(value_in(element));
    if (!number) return number.error();
    numbers_.values.push_back(*number);
  }
  return std::nullopt;
}

std::optional<Raise> SharedArray::check_growth(std::size_t more, const ObjectTable& objects) const {
  if (auto full = objects.check_elements(more)) return full;
  if (auto full = objects.check_items("an Array", numbers_.values.size() + more)) return full;
  return objects.check_bytes(more * sizeof(Number));
}

std::span<const std::string_view> SharedArray::exposed() const { return array_methods; }

std::expected<SharedArray::Number, Raise> SharedArray::number_of(const Value& value) const {
  if (is_real(numbers_.typecode)) return real_of(value, numbers_.typecode);
  if (value.kind() != Value::Kind::integer && value.kind() != Value::Kind::boolean)
    return raise("TypeError",
                 fmt::format("'{}' object cannot be interpreted as an integer", pickle::type_name(value)));
  if (is_wide_unsigned(numbers_.typecode)) return unsigned_of(value, numbers_.typecode);
  return signed_of(value, numbers_.typecode);
}

Outcome SharedArray::call(Call& call) {
  const Arguments& arguments = call.arguments;
  if (call.method == "__len__") {
    if (auto error = arguments.none("__len__()")) return std::unexpected(std::move(*error));
    return Answer{static_cast<std::int64_t>(numbers_.values.size())};
  }
  if (call.method == "__getslice__" || call.method == "__setslice__")
    return python2_slice(arguments, call.method == "__setslice__");
  const bool sets = call.method == "__setitem__";
  const auto bound =
      arguments.bind(call.method, std::array<std::string_view, 2>{"index", "value"}, sets ? 2 : 1);
  if (!bound) return std::unexpected(bound.error());
  return sets ? set_item(*(*bound)[0], *(*bound)[1]) : get_item(*(*bound)[0]);
}

Outcome SharedArray::get_item(const pickle::Fragment& index) const {
  const auto place = place_in(index, numbers_.values.size(), "array", "array index out of range");
  if (!place) return std::unexpected(place.error());
  if (place->is_slice) return part(place->slice);
  return std::visit([](auto number) -> Outcome { return Answer{number}; }, numbers_.values[place->index]);
}

Outcome SharedArray::set_item(const pickle::Fragment& index, const pickle::Fragment& value) {
  const auto place = place_in(index, numbers_.values.size(), "array", "array assignment index out of range");
  if (!place) return std::unexpected(place.error());
  if (place->is_slice) return assign(place->slice, value);
  const auto number = number_of(value_of(value));
  if (!number) return std::unexpected(number.error());
  numbers_.values[place->index] = *number;
  note(place->index, place->index + 1);
  return Answer{};
}

Outcome SharedArray::assign(const SliceRange& slice, const pickle::Fragment& values) {
  const Value given = value_of(values);
  if (given.kind() != Value::Kind::array)
    return raise("TypeError",
                 fmt::format("can only assign array (not \"{}\") to array slice", pickle::type_name(given)));
  const auto elements = given.elements().subspan(1);
  if (given.elements().front().chars() != std::string_view{&numbers_.typecode, 1})
    return raise("TypeError", "bad argument type for built-in operation");
  if (auto many = table->check_elements(elements.size())) return std::unexpected(std::move(*many));
  std::vector<Number> numbers;
  numbers.reserve(elements.size());
  for (const Value& element : elements) {
    const auto number = number_of(element);
    if (!number) return std::unexpected(number.error());
    numbers.push_back(*number);
  }
  auto& all = numbers_.values;
  if (slice.step == 1) {
    if (auto full = cells.check_room(all.size() - slice.count + numbers.size()))
      return std::unexpected(std::move(*full));
    if (numbers.size() > slice.count)
      if (auto full = check_growth(numbers.size() - slice.count, *table))
        return std::unexpected(std::move(*full));
    const std::size_t before = all.size();
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(slice.first());
    const auto behind = all.erase(at, at + static_cast<std::ptrdiff_t>(slice.count));
    all.insert(behind, numbers.begin(), numbers.end());
    note(slice.first(),
         numbers.size() == slice.count ? slice.first() + slice.count : std::max(before, all.size()));
    return Answer{};
  }
  if (numbers.size() != slice.count)
    return raise("ValueError", fmt::format("attempt to assign array of size {} to extended slice of size {}",
                                           numbers.size(), slice.count));
  for (std::size_t i = 0; i < slice.count; ++i) {
    all[slice[i]] = numbers[i];
    // Each cell once, when the last of its numbers is in place.
    const bool is_last = i + 1 == slice.count || slice[i] / cell_numbers != slice[i + 1] / cell_numbers;
    if (is_last) note(slice[i], slice[i] + 1);
  }
  return Answer{};
}

Result<std::shared_ptr<Object>> SharedArray::zeros(std::string_view typecode, std::size_t size) {
  if (!is_typecode(typecode)) return fail(Errc::invalid_argument, "{}", bad_typecode);
  auto made = std::make_shared<SharedArray>(typecode.front());
  made->numbers_.values.assign(size, is_real(typecode.front()) ? Number{0.0} : Number{std::int64_t{0}});
  return made;
}

void SharedArray::note(std::size_t first, std::size_t end) {
  if (!cells.kept()) return;
  const auto& all = numbers_.values;
  for (std::size_t cell = first / cell_numbers; cell * cell_numbers < end; ++cell) {
    const std::size_t begin = cell * cell_numbers;
    std::string content;
    for (std::size_t i = begin; i < std::min(begin + cell_numbers, all.size()); ++i)
      for (std::size_t byte = 0; byte < number_bytes; ++byte)
        content += static_cast<char>(bits_of(all[i]) >> (8 * byte));
    if (content.empty())
      cells.erase(static_cast<std::int64_t>(cell));
    else
      cells.put(static_cast<std::int64_t>(cell), std::move(content));
  }
}

Result<void> SharedArray::recall(std::int64_t, std::string_view content) {
  if (content.size() % number_bytes != 0) return fail(Errc::storage_failed, "a number is cut short");
  for (; !content.empty(); content.remove_prefix(number_bytes)) {
    std::uint64_t bits = 0;
    for (std::size_t byte = 0; byte < number_bytes; ++byte)
      bits |= std::uint64_t{static_cast<unsigned char>(content[byte])} << (8 * byte);
    if (is_real(numbers_.typecode))
      numbers_.values.emplace_back(std::bit_cast<double>(bits));
    else if (bounds_of(numbers_.typecode)->lowest == 0)
      numbers_.values.emplace_back(bits);
    else
      numbers_.values.emplace_back(std::bit_cast<std::int64_t>(bits));
  }
  return {};
}

Answer SharedArray::part(const SliceRange& slice) const {
  Numbers numbers{.typecode = numbers_.typecode, .values = {}};
  for (std::size_t i = 0; i < slice.count; ++i) numbers.values.push_back(numbers_.values[slice[i]]);
  return {.value = std::move(numbers)};
}

Outcome SharedArray::python2_slice(const Arguments& arguments, bool assigns) {
  if (arguments.positional() != (assigns ? 3u : 2u)) return raise("TypeError", "a slice has two ends");
  const auto from = integer_of(arguments.at(0));
  if (!from) return std::unexpected(from.error());
  const auto to = integer_of(arguments.at(1));
  if (!to) return std::unexpected(to.error());
  const SliceRange slice = plain_slice(*from, *to, numbers_.values.size());
  if (assigns) return assign(slice, arguments.at(2));
  return part(slice);
}

std::string SharedArray::repr(std::size_t item_bytes_max, std::uint64_t&) const {
  if (numbers_.values.empty()) return fmt::format("array('{}')", numbers_.typecode);
  std::string text;
  for (const Number& number : numbers_.values) {
    const auto text_of_number = [](auto n) {
      if constexpr (std::same_as<decltype(n), std::uint64_t>)
        return fmt::format("{}", n);
      else
        return pickle::repr(Value{n}).value_or("?");
    };
    if (!text.empty()) text += ", ";
    if (text.size() > std::min(repr_max_bytes, item_bytes_max)) {
      text += "...";
      break;
    }
    text += std::visit(text_of_number, number);
  }
  return fmt::format("array('{}', [{}])", numbers_.typecode, text);
}

}  // namespace reeve::master::managers
