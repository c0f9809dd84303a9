// REEVE_API marks what the shared client library gives to programs; everything else in it is hidden.
#pragma once

#define REEVE_API __attribute__((visibility("default")))
