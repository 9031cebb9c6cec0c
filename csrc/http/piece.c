#include "http/piece.h"

#include "base/ascii.h"

#include <string.h>

static CpsPiece
strip(CpsPiece piece)
{
    while (piece.length > 0 && (piece.bytes[0] == ' ' || piece.bytes[0] == '\t')) {
        piece.bytes++;
        piece.length--;
    }
    while (piece.length > 0 && (piece.bytes[piece.length - 1] == ' ' || piece.bytes[piece.length - 1] == '\t')) {
        piece.length--;
    }
    return piece;
}

CpsPiece
cps_piece_next(CpsPiece *rest, char separator)
{
    CpsPiece first = {rest->bytes, 0};
    bool quoted = false;

    while (first.length < rest->length && (quoted || first.bytes[first.length] != separator)) {
        if (quoted && first.bytes[first.length] == '\\' && first.length + 1 < rest->length) {
            first.length++; /* what a backslash stands before ends no quotes */
        }
        else if (first.bytes[first.length] == '"') {
            quoted = !quoted;
        }
        first.length++;
    }
    if (first.length < rest->length) {
        *rest = (CpsPiece){rest->bytes + first.length + 1, rest->length - first.length - 1};
    }
    else {
        *rest = (CpsPiece){rest->bytes + rest->length, 0};
    }
    return strip(first);
}

static CpsPiece
unquote(CpsPiece piece)
{
    if (piece.length >= 2 && piece.bytes[0] == '"' && piece.bytes[piece.length - 1] == '"') {
        return (CpsPiece){piece.bytes + 1, piece.length - 2};
    }
    return piece;
}

bool
cps_piece_parameter(CpsPiece *rest, CpsPiece *name, CpsPiece *value)
{
    while (rest->length > 0) {
        CpsPiece parameter = cps_piece_next(rest, ';');

        *name = cps_piece_next(&parameter, '=');
        *value = unquote(strip(parameter));
        if (name->length > 0) {
            return true;
        }
    }
    return false;
}

bool
cps_piece_is(CpsPiece piece, const char *text)
{
    return cps_piece_same(piece, (CpsPiece){text, strlen(text)});
}

bool
cps_piece_same(CpsPiece piece, CpsPiece other)
{
    return piece.length == other.length && cps_ascii_same(piece.bytes, other.bytes, piece.length);
}
