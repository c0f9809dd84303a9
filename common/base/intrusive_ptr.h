// IntrusivePtr<T>: shared ownership within one thread, one word wide: T counts its own references in `refs`.
#pragma once

#include <cstdint>
#include <utility>

namespace reeve {

template <typename T>
class IntrusivePtr {
 public:
  IntrusivePtr() = default;
  explicit IntrusivePtr(T* object) : object_(object) { acquire(); }
  IntrusivePtr(const IntrusivePtr& other) : object_(other.object_) { acquire(); }
  IntrusivePtr(IntrusivePtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  IntrusivePtr& operator=(IntrusivePtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~IntrusivePtr() { release(); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const IntrusivePtr&) const = default;

 private:
  void acquire() {
    if (object_ != nullptr) ++object_->refs;
  }
  void release() {
    if (object_ != nullptr && --object_->refs == 0) delete object_;
  }
  T* object_ = nullptr;
};

}  // namespace reeve
