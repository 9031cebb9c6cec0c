#include "net/smtpsession.h"

#include "base/ascii.h"
#include "net/smtppath.h"

#include <assert.h>
#include <stdio.h>

enum {
    COMMAND_LINE = 512,        /* octets with CRLF: RFC 5321, 4.5.3.1.4 */
    MAIL_LINE = 512 + 26 + 27, /* more by SIZE (RFC 1870, 3), BODY (RFC 6152, 2) and SMTPUTF8 (RFC 6531, 3.1) */
    REPLIES = 16384,           /* bytes; with so many to be sent, no more commands are read */
};

/* --- replies --------------------------------------------------------------------------------------------------------------------- */

static void
put(CpsSmtpSession *self, const char *text)
{
    if (cps_buffer_append(&self->replies, text, strlen(text)) < 0) {
        self->outcome = CPS_SMTP_END;
    }
}

static void
reply(CpsSmtpSession *self, const char *line)
{
    put(self, line);
    put(self, "\r\n");
}

void
cps_smtp_announce(CpsSmtpSession *self, const char *code, const char *text)
{
    put(self, code);
    put(self, " ");
    put(self, self->host);
    put(self, " ");
    reply(self, text);
}

/* Refuse a command: a client that does nothing else is sent away. */
static void
refuse(CpsSmtpSession *self, const char *line)
{
    reply(self, line);
    if (++self->errors >= self->limits->errors && self->outcome != CPS_SMTP_END) {
        cps_smtp_announce(self, "421 4.7.0", "Too many errors");
        self->outcome = CPS_SMTP_END;
    }
}

/* --- the transaction ------------------------------------------------------------------------------------------------------------- */

void
cps_smtp_message_free(CpsSmtpMessage *message)
{
    free(message->sender.bytes);
    free(message->recipients.bytes);
    free(message->data.bytes);
    *message = (CpsSmtpMessage){0};
}

static void
transaction_reset(CpsSmtpSession *self)
{
    cps_smtp_message_free(&self->message);
    self->has_sender = self->utf8 = false;
}

/* --- arguments ------------------------------------------------------------------------------------------------------------------- */

/* What follows the verb of a command, without spaces around it; or a part of that. */
typedef struct {
    const char *text;
    size_t length;
} Text;

static bool
text_is(Text text, const char *word)
{
    return text.length == strlen(word) && cps_ascii_same(text.text, word, text.length);
}

static Text
text_from(Text text, size_t start)
{
    return (Text){text.text + start, text.length - start};
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Up to the first `separator`, which is dropped, or all; the rest stays in *text. */
static Text
text_split(Text *text, char separator)
{
    const char *found = memchr(text->text, separator, text->length);
    Text first = {text->text, found == NULL ? text->length : (size_t)(found - text->text)};

    *text = text_from(*text, found == NULL ? text->length : first.length + 1);
    return first;
}

/* The path after "FROM:" or "TO:" (`keyword`); what comes after it is left in *text. Returns whether there is one; else the command was
 * refused. */
static bool
take_path(CpsSmtpSession *self, const char *keyword, Text *text, CpsSmtpPath *path)
{
    size_t length = strlen(keyword), used = 0;

    if (text->length > length && cps_ascii_same(text->text, keyword, length)) {
        *text = text_from(*text, length);
        used = cps_smtp_path_read(text->text, text->length, path);
    }
    if (used == 0 || (used < text->length && !is_space(text->text[used]))) {
        refuse(self, "501 5.1.0 Syntax error in the address");
        return false;
    }
    *text = text_from(*text, used);
    return true;
}

/* The next parameter of MAIL or RCPT as "KEYWORD" and perhaps "=value". Returns whether there was one. */
static bool
take_parameter(Text *text, Text *keyword, Text *value)
{
    while (text->length > 0 && is_space(*text->text)) {
        *text = text_from(*text, 1);
    }
    if (text->length == 0) {
        return false;
    }
    *value = text_split(text, ' ');
    *keyword = text_split(value, '=');
    return true;
}

/* --- MAIL ------------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    bool size, body, utf8; /* were given */
} MailParameters;

/* Of SIZE. Returns whether it is a number; one of more than 2^64 is the largest. */
static bool
read_number(Text value, uint64_t *number)
{
    enum { DIGITS = 20 };

    *number = 0;
    for (size_t i = 0; i < value.length; i++) {
        unsigned int digit = (unsigned char)value.text[i] - (unsigned int)'0';

        if (digit > 9 || i == DIGITS) {
            return false;
        }
        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
    }
    return value.length > 0;
}

/* One parameter. Returns NULL, or what to refuse MAIL with. */
static const char *
mail_parameter(const CpsSmtpSession *self, MailParameters *given, Text keyword, Text value)
{
    static const char wrong[] = "501 5.5.4 Syntax error in a parameter";
    uint64_t size;

    if (!self->extended) {
        return "555 5.5.4 HELO allows no parameters";
    }
    if (text_is(keyword, "SIZE")) {
        if (given->size || !read_number(value, &size)) {
            return wrong;
        }
        given->size = true;
        return size > self->limits->message_bytes ? "552 5.3.4 The message is too large" : NULL;
    }
    if (text_is(keyword, "BODY")) {
        bool known = text_is(value, "7BIT") || text_is(value, "8BITMIME");

        if (given->body || !known) {
            return wrong;
        }
        given->body = true;
        return NULL;
    }
    if (text_is(keyword, "SMTPUTF8")) {
        if (given->utf8 || value.length > 0) {
            return wrong;
        }
        given->utf8 = true;
        return NULL;
    }
    return "555 5.5.4 Unknown parameter";
}

static void
do_mail(CpsSmtpSession *self, Text text)
{
    MailParameters given = {0};
    Text keyword, value;
    CpsSmtpPath path;

    if (self->has_sender) {
        refuse(self, "503 5.5.1 There is a sender already");
        return;
    }
    if (!take_path(self, "FROM:", &text, &path)) {
        return;
    }
    while (take_parameter(&text, &keyword, &value)) {
        const char *error = mail_parameter(self, &given, keyword, value);

        if (error != NULL) {
            refuse(self, error);
            return;
        }
    }
    if (path.utf8 && !given.utf8) {
        refuse(self, "553 5.6.7 An address that is not ASCII needs SMTPUTF8");
    }
    else if (cps_buffer_append(&self->message.sender, path.mailbox, path.length) < 0) {
        reply(self, "452 4.3.1 Out of memory");
    }
    else {
        self->has_sender = true;
        self->utf8 = given.utf8;
        reply(self, "250 2.1.0 OK");
    }
}

/* --- RCPT ------------------------------------------------------------------------------------------------------------------------ */

static void
do_rcpt(CpsSmtpSession *self, Text text)
{
    CpsSmtpMessage *message = &self->message;
    Text keyword, value;
    CpsSmtpPath path;

    if (!self->has_sender) {
        refuse(self, "503 5.5.1 MAIL comes first");
        return;
    }
    if (!take_path(self, "TO:", &text, &path)) {
        return;
    }
    if (take_parameter(&text, &keyword, &value)) {
        refuse(self, "555 5.5.4 Unknown parameter");
    }
    else if (path.length == 0) {
        refuse(self, "501 5.1.3 The null path is no recipient");
    }
    else if (path.utf8 && !self->utf8) {
        refuse(self, "553 5.6.7 An address that is not ASCII needs SMTPUTF8");
    }
    else if (message->recipient_count >= self->limits->recipients) {
        reply(self, "452 4.5.3 Too many recipients");
    }
    else if (cps_buffer_reserve(&message->recipients, path.length + 1) < 0) {
        reply(self, "452 4.3.1 Out of memory");
    }
    else {
        (void)cps_buffer_append(&message->recipients, path.mailbox, path.length); /* there is room */
        (void)cps_buffer_append(&message->recipients, "", 1);
        message->recipient_count++;
        reply(self, "250 2.1.5 OK");
    }
}

/* --- the message ----------------------------------------------------------------------------------------------------------------- */

/* Where the next byte of a message stands. */
enum {
    AT_START,  /* of a line */
    IN_LINE,   /* within one */
    AFTER_CR,  /* which was kept */
    AFTER_DOT, /* at the start of a line; it was not kept */
    AFTER_DOT_CR,
};

static void
do_data(CpsSmtpSession *self, Text text)
{
    if (text.length > 0) {
        refuse(self, "501 5.5.4 DATA has no parameters");
        return;
    }
    if (self->message.recipient_count == 0) {
        refuse(self, "503 5.5.1 RCPT comes first");
        return;
    }
    self->in_data = true;
    self->place = AT_START;
    self->data_bytes = self->line_length = 0;
    self->too_large = self->no_memory = self->overlong = false;
    reply(self, "354 End the message with a dot alone on a line");
}

/* Keep bytes of the message. */
static void
data_keep(CpsSmtpSession *self, const char *bytes, size_t length)
{
    CpsBuffer *data = &self->message.data;

    if (self->too_large || self->no_memory) {
        return;
    }
    self->too_large = length > self->limits->message_bytes - data->length;
    self->no_memory = !self->too_large && cps_buffer_append(data, bytes, length) < 0;
    if (self->too_large || self->no_memory) {
        cps_buffer_free(data); /* the rest has to be read, but need not be kept */
    }
}

/* Count bytes of a line; the CR that may end it is one. */
static void
data_count(CpsSmtpSession *self, size_t length)
{
    self->line_length += length;
    self->overlong = self->overlong || self->line_length > (uint64_t)self->limits->line_bytes + 1;
}

static void
data_end(CpsSmtpSession *self)
{
    self->in_data = false;
    if (!self->too_large && !self->overlong && !self->no_memory) {
        self->outcome = CPS_SMTP_MESSAGE;
        return;
    }
    transaction_reset(self);
    if (self->too_large) {
        refuse(self, "552 5.3.4 The message is too large");
    }
    else if (self->overlong) {
        refuse(self, "500 5.6.0 A line of the message is too long");
    }
    else {
        reply(self, "452 4.3.1 Out of memory");
    }
}

/* Bytes within a line, up to and with the next CR. Returns how many they are. */
static size_t
data_feed_line(CpsSmtpSession *self, const char *bytes, size_t length)
{
    const char *cr = memchr(bytes, '\r', length);
    size_t count = cr == NULL ? length : (size_t)(cr - bytes) + 1;

    data_keep(self, bytes, count);
    data_count(self, count);
    self->place = cr == NULL ? IN_LINE : AFTER_CR;
    return count;
}

/* Returns how many of the bytes were used, at least one. */
static size_t
data_feed(CpsSmtpSession *self, const char *bytes, size_t length)
{
    switch (self->place) {
    case AT_START:
        if (*bytes == '.') {
            self->place = AFTER_DOT;
            return 1;
        }
        break;
    case AFTER_CR:
        if (*bytes == '\n') {
            data_keep(self, bytes, 1);
            self->line_length = 0;
            self->place = AT_START;
            return 1;
        }
        break;
    case AFTER_DOT: /* which was stuffed, unless the line ends here */
        if (*bytes == '\r') {
            self->place = AFTER_DOT_CR;
            return 1;
        }
        break;
    case AFTER_DOT_CR:
        if (*bytes == '\n') {
            data_end(self);
            return 1;
        }
        data_keep(self, "\r", 1);
        data_count(self, 1);
        break;
    default:
        break;
    }
    return data_feed_line(self, bytes, length);
}

/* --- other commands -------------------------------------------------------------------------------------------------------------- */

/* Whether the client says who it is: an error otherwise. */
static bool
greet(CpsSmtpSession *self, Text text)
{
    bool valid = text.length > 0;

    for (size_t i = 0; i < text.length; i++) {
        valid = valid && text.text[i] > ' ' && text.text[i] < 0x7f;
    }
    if (!valid) {
        refuse(self, "501 5.5.4 A domain or an address literal is needed");
        return false;
    }
    transaction_reset(self);
    self->greeted = true;
    return true;
}

static void
do_helo(CpsSmtpSession *self, Text text)
{
    if (greet(self, text)) {
        self->extended = false;
        put(self, "250 ");
        reply(self, self->host);
    }
}

static void
do_ehlo(CpsSmtpSession *self, Text text)
{
    char size[64];

    if (greet(self, text)) {
        self->extended = true;
        snprintf(size, sizeof(size), "250-SIZE %llu", (unsigned long long)self->limits->message_bytes);
        put(self, "250-");
        reply(self, self->host);
        reply(self, size);
        reply(self, "250-8BITMIME");
        reply(self, "250-SMTPUTF8");
        reply(self, "250-PIPELINING");
        if (self->offers_tls && !self->secured) {
            reply(self, "250-STARTTLS");
        }
        reply(self, "250 ENHANCEDSTATUSCODES");
    }
}

static void
do_rset(CpsSmtpSession *self, Text text)
{
    if (text.length > 0) {
        refuse(self, "501 5.5.4 RSET has no parameters");
        return;
    }
    transaction_reset(self);
    reply(self, "250 2.0.0 OK");
}

static void
do_noop(CpsSmtpSession *self, Text text)
{
    reply(self, "250 2.0.0 OK");
}

static void
do_quit(CpsSmtpSession *self, Text text)
{
    if (text.length > 0) {
        refuse(self, "501 5.5.4 QUIT has no parameters");
        return;
    }
    cps_smtp_announce(self, "221 2.0.0", "Goodbye");
    self->outcome = CPS_SMTP_END;
}

static void
do_vrfy(CpsSmtpSession *self, Text text)
{
    if (text.length == 0) {
        refuse(self, "501 5.5.4 Whom?");
        return;
    }
    reply(self, "252 2.1.5 Addresses are not verified; send the message");
}

static void
do_help(CpsSmtpSession *self, Text text)
{
    reply(self, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS; see RFC 5321");
}

static void
do_starttls(CpsSmtpSession *self, Text text)
{
    if (text.length > 0) {
        refuse(self, "501 5.5.4 STARTTLS has no parameters");
    }
    else if (!self->offers_tls || self->secured) {
        refuse(self, self->secured ? "503 5.5.1 TLS is active" : "502 5.5.1 TLS is not offered");
    }
    else {
        reply(self, "220 2.0.0 Ready for TLS");
        self->outcome = CPS_SMTP_STARTTLS;
    }
}

static void
do_what_is_not_offered(CpsSmtpSession *self, Text text)
{
    refuse(self, "502 5.5.1 Not implemented");
}

/* A page in a browser can have that sent, with a mail as its body. */
static void
do_http(CpsSmtpSession *self, Text text)
{
    cps_smtp_announce(self, "421 4.7.0", "This is no HTTP server");
    self->outcome = CPS_SMTP_END;
}

/* --- command lines --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *verb;
    void (*run)(CpsSmtpSession *self, Text text);
    bool after_greeting;
} Command;

static const Command commands[] = {
    {"EHLO", do_ehlo},
    {"HELO", do_helo},
    {"MAIL", do_mail, true},
    {"RCPT", do_rcpt, true},
    {"DATA", do_data, true},
    {"RSET", do_rset},
    {"NOOP", do_noop},
    {"QUIT", do_quit},
    {"VRFY", do_vrfy},
    {"HELP", do_help},
    {"STARTTLS", do_starttls, true},
    {"EXPN", do_what_is_not_offered},
    {"AUTH", do_what_is_not_offered},
    {"BDAT", do_what_is_not_offered},
    {"ETRN", do_what_is_not_offered},
    {"TURN", do_what_is_not_offered},
    {"GET", do_http},
    {"HEAD", do_http},
    {"POST", do_http},
    {"PUT", do_http},
    {"PATCH", do_http},
    {"DELETE", do_http},
    {"OPTIONS", do_http},
    {"CONNECT", do_http},
};

static const Command *
command_find(Text verb)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (text_is(verb, commands[i].verb)) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Whether there is a control character other than a tab. */
static bool
has_control(Text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.text[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

/* A whole line, without its CRLF. */
static void
run_line(CpsSmtpSession *self, Text line)
{
    enum { CRLF = 2 };
    const Command *command;
    Text verb;

    if (has_control(line)) {
        refuse(self, "500 5.5.2 There is a control character in the line; CRLF alone ends one");
        return;
    }
    while (line.length > 0 && is_space(line.text[line.length - 1])) {
        line.length--;
    }
    verb = text_split(&line, ' ');
    command = command_find(verb);
    if (command == NULL) {
        refuse(self, "500 5.5.2 Unknown command");
    }
    else if (self->line.length > COMMAND_LINE - CRLF && command->run != do_mail) {
        refuse(self, "500 5.5.2 The line is too long");
    }
    else if (command->after_greeting && !self->greeted) {
        refuse(self, "503 5.5.1 EHLO or HELO comes first");
    }
    else {
        command->run(self, line);
    }
}

/* Keep the beginning of a line, until it is too long for one. */
static void
line_keep(CpsSmtpSession *self, const char *bytes, size_t length)
{
    self->line_last = bytes[length - 1];
    if (!self->line_overlong &&
        (self->line.length + length > MAIL_LINE || cps_buffer_append(&self->line, bytes, length) < 0)) {
        self->line_overlong = true;
        self->line.length = 0;
    }
}

static void
line_end(CpsSmtpSession *self)
{
    self->commands++;
    if (self->line_overlong) {
        refuse(self, "500 5.5.2 The line is too long");
    }
    else {
        self->line.length -= 2;
        run_line(self, (Text){self->line.bytes, self->line.length});
    }
    self->line_overlong = false;
    self->line_last = '\0';
    self->line.length = 0;
}

/* Returns how many of the bytes were used, at least one: up to an LF, or all. */
static size_t
line_feed(CpsSmtpSession *self, const char *bytes, size_t length)
{
    const char *lf = memchr(bytes, '\n', length);
    size_t count = lf == NULL ? length : (size_t)(lf - bytes) + 1;
    bool ends = lf != NULL && (lf > bytes ? lf[-1] : self->line_last) == '\r';

    line_keep(self, bytes, count);
    if (ends) {
        line_end(self);
    }
    return count;
}

/* --- the session ----------------------------------------------------------------------------------------------------------------- */

void
cps_smtp_session_init(CpsSmtpSession *self, const CpsSmtpLimits *limits, const char *host, bool offers_tls)
{
    *self = (CpsSmtpSession){.limits = limits, .host = host, .offers_tls = offers_tls};
}

void
cps_smtp_session_free(CpsSmtpSession *self)
{
    cps_buffer_free(&self->replies);
    cps_buffer_free(&self->line);
    cps_smtp_message_free(&self->message);
}

CpsSmtpOutcome
cps_smtp_feed(CpsSmtpSession *self, const char *bytes, size_t length, size_t *used)
{
    size_t done = 0;

    assert(self->outcome == CPS_SMTP_MORE);
    while (done < length && self->outcome == CPS_SMTP_MORE && self->replies.length < REPLIES) {
        bool in_data = self->in_data;
        size_t count =
            in_data ? data_feed(self, bytes + done, length - done) : line_feed(self, bytes + done, length - done);

        self->data_bytes += in_data ? count : 0;
        done += count;
    }
    *used = done;
    return self->outcome;
}

void
cps_smtp_answer(CpsSmtpSession *self, const char *line)
{
    assert(self->outcome == CPS_SMTP_MESSAGE);
    self->outcome = CPS_SMTP_MORE;
    transaction_reset(self);
    reply(self, line == NULL ? "250 2.0.0 OK" : line);
}

void
cps_smtp_secured(CpsSmtpSession *self)
{
    transaction_reset(self);
    self->greeted = self->extended = false;
    self->secured = true;
    self->outcome = CPS_SMTP_MORE;
}
