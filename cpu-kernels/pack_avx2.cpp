#include "pack8_impl.h"
