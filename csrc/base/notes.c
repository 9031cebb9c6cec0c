#include "base/notes.h"

#include <stdio.h>
#include <stdlib.h>

void
cps_notes_init(CpsNotes *self)
{
    cps_list_init(&self->list);
    self->count = self->lost = 0;
}

void
cps_notes_add(CpsNotes *self, int level, const char *format, va_list arguments)
{
    enum { LONGEST = 1024 };
    CpsNote *note = self->count < CPS_NOTES_LIMIT ? malloc(sizeof(*note) + LONGEST) : NULL;

    if (note == NULL) {
        self->lost++;
        return;
    }
    (void)vsnprintf(note->text, LONGEST, format, arguments);
    note->level = level;
    note->link = (CpsLink){0};
    cps_list_append(&self->list, &note->link);
    self->count++;
}

CpsNote *
cps_notes_next(CpsNotes *self)
{
    CpsLink *link = cps_list_pop(&self->list);

    if (link == NULL) {
        return NULL;
    }
    self->count--;
    return CPS_CONTAINER(link, CpsNote, link);
}

size_t
cps_notes_take_lost(CpsNotes *self)
{
    size_t lost = self->lost;

    self->lost = 0;
    return lost;
}

void
cps_notes_move(CpsNotes *to, CpsNotes *from)
{
    cps_list_splice(&to->list, &from->list);
    to->count = from->count;
    to->lost = from->lost;
    from->count = from->lost = 0;
}

void
cps_notes_free(CpsNotes *self)
{
    CpsNote *note;

    while ((note = cps_notes_next(self)) != NULL) {
        free(note);
    }
}
