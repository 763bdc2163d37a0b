#include "json_blocks.h"
