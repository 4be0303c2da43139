// SPDX-License-Identifier: Apache-2.0
// Every boundary rests on two layers (docs/security-model.md). That the second holds by itself can only be seen where the first is gone: a
// test links another `without` (tests/without.cc) into an executable that is never shipped. The product has no such switch.
#pragma once

namespace rvisor {

// A layer: `pid`, `net`, `view`, `readonly`, `nosuid`, `masks`, `landlock`, `filter`, `capabilities`, `clock`, `parent-death`.
bool without(const char* layer);

}  // namespace rvisor
