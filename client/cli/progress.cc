#include "client/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/duration.h"

namespace reeve::cli {

namespace {

constexpr double smoothing_s = 3.0;
constexpr std::size_t bar_width_max = 40;
constexpr std::size_t bar_width_min = 8;

struct Part {
  std::string text;
  Tone tone = Tone::plain;
};

std::string percent(const Counts& counts) {
  if (counts.total == 0) return "  0%";
  // Rounded down: 100% means that nothing is left.
  return fmt::format("{:3}%", static_cast<unsigned>(100.0L * static_cast<long double>(counts.finished()) /
                                                    static_cast<long double>(counts.total)));
}

std::string time_left(const ProgressView& view) {
  const std::uint64_t left = view.counts.total - std::min(view.counts.total, view.counts.finished());
  if (left == 0 || view.per_second <= 0) return {};
  const double seconds = std::ceil(static_cast<double>(left) / view.per_second);
  constexpr double longest_s = 99.0 * 24 * 3600;
  if (seconds > longest_s) return {};
  return format_duration(std::chrono::seconds{static_cast<std::int64_t>(seconds)}) + " left";
}

// What stands behind the bar, most telling first: a narrow terminal loses the end.
std::vector<Part> parts_of(const ProgressView& view) {
  const Counts& counts = view.counts;
  std::vector<Part> parts;
  parts.push_back({fmt::format("{}/{}", with_commas(counts.finished()), with_commas(counts.total))});
  if (counts.failed > 0) parts.push_back({with_commas(counts.failed) + " failed", Tone::bad});
  if (counts.cancelled > 0) parts.push_back({with_commas(counts.cancelled) + " cancelled", Tone::warning});
  if (counts.leased > 0) parts.push_back({with_commas(counts.leased) + " running"});
  if (view.per_second > 0 && counts.finished() < counts.total)
    parts.push_back({view.per_second < 10
                         ? fmt::format("{:.1f}/s", view.per_second)
                         : with_commas(static_cast<std::uint64_t>(view.per_second + 0.5)) + "/s",
                     Tone::dim});
  if (std::string left = time_left(view); !left.empty()) parts.push_back({std::move(left), Tone::dim});
  return parts;
}

std::string bar_of(const Style& style, const Counts& counts, std::size_t width) {
  const auto cells = [&](std::uint64_t count) {
    return counts.total == 0
               ? 0
               : static_cast<std::size_t>(static_cast<long double>(count) * width / counts.total);
  };
  const std::size_t finished = cells(counts.finished());
  const std::size_t bad =
      std::min(finished, std::max<std::size_t>(cells(counts.failed), counts.failed > 0 ? 1 : 0));
  const std::size_t running = std::min(width - finished, cells(counts.leased));
  return paint(style, Tone::good, std::string(finished - bad, '#')) +
         paint(style, Tone::bad, std::string(bad, '#')) + std::string(running, '>') +
         paint(style, Tone::dim, std::string(width - finished - running, '-'));
}

}  // namespace

Counts sum(const Counts& a, const Counts& b) {
  return {.total = a.total + b.total,
          .waiting = a.waiting + b.waiting,
          .ready = a.ready + b.ready,
          .leased = a.leased + b.leased,
          .succeeded = a.succeeded + b.succeeded,
          .failed = a.failed + b.failed,
          .cancelled = a.cancelled + b.cancelled};
}

void RateMeter::add(std::uint64_t finished, TimePoint now) {
  if (begun_ && now <= at_) return;
  if (begun_) {
    const double seconds = std::chrono::duration<double>(now - at_).count();
    const double gained =
        finished > finished_ ? static_cast<double>(finished - finished_) : 0;  // a retry takes back
    const double weight = known_ ? 1 - std::exp(-seconds / smoothing_s) : 1;
    rate_ += weight * (gained / seconds - rate_);
    known_ = known_ || gained > 0;
  }
  begun_ = true;
  at_ = now;
  finished_ = finished;
}

std::string progress_bar(const Style& style, const ProgressView& view) {
  const std::size_t width =
      style.width > 1 ? style.width - 1 : 79;  // the last column makes some terminals wrap
  const std::string head = fmt::format("{} ", one_line(view.label));
  const std::string share = percent(view.counts);
  std::vector<Part> parts = parts_of(view);
  const auto used = [&] {
    std::size_t columns = display_width(head) + 3 + share.size();
    for (const Part& part : parts) columns += 2 + display_width(part.text);
    return columns;
  };
  while (parts.size() > 1 && used() + bar_width_min > width) parts.pop_back();
  const std::size_t left = width - std::min(width, used());
  std::string out = head;
  if (left >= bar_width_min) out += "[" + bar_of(style, view.counts, std::min(left, bar_width_max)) + "] ";
  out += share;
  for (const Part& part : parts) out += "  " + paint(style, part.tone, part.text);
  return out;
}

std::string progress_line(const ProgressView& view) {
  const std::string share = percent(view.counts);
  std::string out = fmt::format("{}: {}", one_line(view.label), share.substr(share.find_first_not_of(' ')));
  for (const Part& part : parts_of(view)) out += ", " + part.text;
  return out;
}

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

}  // namespace reeve::cli
