// What a sanitizer changes for a test.
#pragma once

namespace reeve::fakes {

// The address sanitizer keeps what was freed for a while, so memory says nothing about bounds there.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool memory_tells = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool memory_tells = false;
#else
inline constexpr bool memory_tells = true;
#endif
#else
inline constexpr bool memory_tells = true;
#endif

}  // namespace reeve::fakes
