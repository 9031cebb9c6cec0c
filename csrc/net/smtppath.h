/* smtppath.h: the paths of SMTP's MAIL and RCPT (RFC 5321, 4.1.2; RFC 6531 for those that are not ASCII). Plain C. */
#ifndef CPS_NET_SMTPPATH_H
#define CPS_NET_SMTPPATH_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *
        mailbox; /* borrowed from the text; as it was written, without brackets and source route. Length 0: the null path */
    size_t length;
    bool utf8; /* it is not all ASCII, but UTF-8 */
} CpsSmtpPath;

/* Read "<mailbox>", "<@relay,@relay:mailbox>", "<>" or "<postmaster>", which the text must begin with. Returns how many bytes that are, or 0
 * when it is no path, or too long. */
size_t cps_smtp_path_read(const char *text, size_t length, CpsSmtpPath *path);

#endif
