// What the emulation found wrong, for tests.
#pragma once

#include <cstdint>
#include <string>

namespace jangle::emulation {

// The text of the first fault since the start or since ResetReports; empty if there was none. Its
// first line begins with the kind, such as "race: ...".
std::string LastReport();
// Forgets the fault and the error that stuck to the device.
void ResetReports();

// The order in which blocks and threads run: 0 is ascending, others are shuffles. Starts as
// JANGLE_EMULATION_SEED.
void SetSeed(uint64_t seed);

// Whether the kernels were compiled with the instrumentation that the memory checks need.
bool Checked();

}  // namespace jangle::emulation
