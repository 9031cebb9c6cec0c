/* piece.h: the pieces of a header's value: lists and parameters (RFC 9110, 5.6). Plain C. */
#ifndef CPS_HTTP_PIECE_H
#define CPS_HTTP_PIECE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a text that belongs to another. */
typedef struct {
    const char *bytes;
    size_t length;
} CpsPiece;

/* What stands before the first `separator` outside of quotes, without white space at its ends; *rest becomes what follows it, of length 0
 * when there is none. */
CpsPiece cps_piece_next(CpsPiece *rest, char separator);

/* The next "name=value" of parameters; the value has no quotes, and length 0 when there is none. Returns false when none is left. */
bool cps_piece_parameter(CpsPiece *rest, CpsPiece *name, CpsPiece *value);

/* Whether they are the same but for the case of ASCII's letters. */
bool cps_piece_is(CpsPiece piece, const char *text);
bool cps_piece_same(CpsPiece piece, CpsPiece other);

#endif
