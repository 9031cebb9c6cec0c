/* jsonwrite.h: values as JSON text, byte for byte as json.dumps writes them. */
#ifndef CPS_EVENT_JSONWRITE_H
#define CPS_EVENT_JSONWRITE_H

#include "base/buffer.h"
#include "module.h"

/* Append the text, which is ASCII. Returns 1; 0 for what only the json module itself can answer (`out` may have a part of the text then): other
 * types, deep nesting and cycles, keys that are no text, NaN, huge integers; or -1 with MemoryError set. No Python code runs. */
int cps_json_write(CpsBuffer *out, PyObject *value);

#endif
