/* notes.h: lines for a log, kept by code that has no log (it runs without the GIL) until somebody takes them. Plain C; no lock of its own. */
#ifndef CPS_BASE_NOTES_H
#define CPS_BASE_NOTES_H

#include "base/list.h"

#include <stdarg.h>

enum { CPS_NOTES_LIMIT = 256 }; /* lines that are kept; of more it is only known how many there were */

typedef struct {
    CpsLink link;
    int level; /* of Python's logging */
    char text[];
} CpsNote;

typedef struct {
    CpsList list; /* CpsNote.link */
    size_t count, lost;
} CpsNotes;

void cps_notes_init(CpsNotes *self);

/* Keep a line, cut at a thousand bytes. */
void cps_notes_add(CpsNotes *self, int level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* The next one, to be freed by free(); or NULL. */
CpsNote *cps_notes_next(CpsNotes *self);

/* How many there were since the last call that were not kept. */
size_t cps_notes_take_lost(CpsNotes *self);

/* Move all of them; `to` is empty before. */
void cps_notes_move(CpsNotes *to, CpsNotes *from);

void cps_notes_free(CpsNotes *self);

#endif
