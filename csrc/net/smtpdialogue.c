#include "net/smtpdialogue.h"

#include "base/ascii.h"

#include <stdarg.h>
#include <stdio.h>

enum { MOST_REPLY = 8192, TEXT_SIZE = 256, CODE_DIGITS = 3 };

static const char *const step_names[] = {
    [CPS_SMTP_TO_MAIL] = "MAIL",           [CPS_SMTP_TO_RCPT] = "RCPT", [CPS_SMTP_TO_DATA] = "DATA",
    [CPS_SMTP_TO_MESSAGE] = "the message", [CPS_SMTP_TO_QUIT] = "QUIT",
};

/* --- messages -------------------------------------------------------------------------------------------------------------------- */

/* How many bytes there are before the next CR or LF. */
static size_t
span_of_line(const char *bytes, size_t length)
{
    const char *feed = memchr(bytes, '\n', length);
    size_t span = feed == NULL ? length : (size_t)(feed - bytes);
    const char *carriage = memchr(bytes, '\r', span);

    return carriage == NULL ? span : (size_t)(carriage - bytes);
}

static int
append_line(CpsBuffer *buffer, const char *line, size_t length)
{
    if (length > 0 && line[0] == '.' && cps_buffer_append(buffer, ".", 1) < 0) {
        return -1;
    }
    return cps_buffer_append(buffer, line, length) < 0 ? -1 : cps_buffer_append(buffer, "\r\n", 2);
}

int
cps_smtp_append_message(CpsBuffer *buffer, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t span = span_of_line(bytes, length), end = span;

        if (append_line(buffer, bytes, span) < 0) {
            return -1;
        }
        if (end < length) {
            end += bytes[end] == '\r' && end + 1 < length && bytes[end + 1] == '\n' ? 2 : 1;
        }
        bytes += end;
        length -= end;
    }
    return cps_buffer_append(buffer, ".\r\n", 3);
}

/* --- what has become of it ------------------------------------------------------------------------------------------------------- */

/* Control characters of a server's, which could forge lines of logs, become spaces. Without memory the outcome must do. */
static void
append_text(CpsBuffer *buffer, const char *text, size_t length)
{
    size_t start = buffer->length;

    if (cps_buffer_append(buffer, text, length) < 0) {
        return;
    }
    for (size_t i = start; i < buffer->length; i++) {
        if ((unsigned char)buffer->bytes[i] < ' ' || buffer->bytes[i] == '\x7f') {
            buffer->bytes[i] = ' ';
        }
    }
}

static void
dialogue_end(CpsSmtpDialogue *self, CpsMailOutcome outcome, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    self->error.length = 0;
    append_text(&self->error, text, strlen(text));
    self->outcome = outcome;
    self->output = NULL;
    self->over = true;
}

/* The last reply is what went wrong. */
static void
note_error(CpsSmtpDialogue *self)
{
    self->reply = self->code;
    self->error.length = 0;
    (void)cps_buffer_append(&self->error, self->text.bytes, self->text.length);
}

static void
note_refused(CpsSmtpDialogue *self)
{
    const char *address = self->recipients.bytes + self->asked;

    note_error(self);
    (void)cps_buffer_append(&self->refused, address, strlen(address));
    (void)cps_buffer_append(&self->refused, ": ", 2);
    (void)cps_buffer_append(&self->refused, self->text.bytes, self->text.length);
    (void)cps_buffer_append(&self->refused, "\n", 1);
}

/* --- commands -------------------------------------------------------------------------------------------------------------------- */

static void
say(CpsSmtpDialogue *self, CpsSmtpStep step, const char *verb, const char *address, const char *parameters)
{
    static const char *const ends[] = {"", "<", ">"};
    const char *parts[] = {
        verb,  ends[address != NULL], address == NULL ? "" : address, address == NULL ? "" : ends[2], parameters,
        "\r\n"};

    self->step = step;
    self->command.length = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (cps_buffer_append(&self->command, parts[i], strlen(parts[i])) < 0) {
            dialogue_end(self, CPS_MAIL_FAILED, "out of memory");
            return;
        }
    }
    self->output = self->command.bytes;
    self->output_length = self->command.length;
}

static void
say_quit(CpsSmtpDialogue *self, CpsMailOutcome outcome)
{
    self->outcome = outcome;
    say(self, CPS_SMTP_TO_QUIT, "QUIT", NULL, "");
}

void
cps_smtp_dialogue_begin(CpsSmtpDialogue *self)
{
    char parameters[TEXT_SIZE], size[32] = "";

    self->reply = 0; /* a server that knows HELO only has refused EHLO */
    self->error.length = 0;
    if (self->is_utf8 && !self->offers_utf8) {
        dialogue_end(self, CPS_MAIL_REFUSED, "it takes no addresses that are not ASCII (SMTPUTF8)");
        return;
    }
    if (self->offers_size) {
        (void)snprintf(size, sizeof(size), " SIZE=%zu", self->message.length);
    }
    (void)snprintf(parameters, sizeof(parameters), "%s%s%s", size,
                   self->is_8bit && self->offers_8bit ? " BODY=8BITMIME" : "", self->is_utf8 ? " SMTPUTF8" : "");
    say(self, CPS_SMTP_TO_MAIL, "MAIL FROM:", self->sender.bytes, parameters);
}

static void
say_next(CpsSmtpDialogue *self)
{
    const char *address = self->recipients.bytes + self->recipient;

    if (self->recipient < self->recipients.length) {
        self->asked = self->recipient;
        self->recipient += strlen(address) + 1;
        say(self, CPS_SMTP_TO_RCPT, "RCPT TO:", address, "");
    }
    else if (self->any_accepted) {
        say(self, CPS_SMTP_TO_DATA, "DATA", NULL, "");
    }
    else {
        say_quit(self, CPS_MAIL_REFUSED);
    }
}

static void
say_message(CpsSmtpDialogue *self)
{
    self->step = CPS_SMTP_TO_MESSAGE;
    self->output = self->message.bytes;
    self->output_length = self->message.length;
}

/* --- replies --------------------------------------------------------------------------------------------------------------------- */

/* A reply that is no error. */
static void
take_success(CpsSmtpDialogue *self)
{
    enum { START_MAIL_INPUT = 354 };
    bool fits = self->step == CPS_SMTP_TO_DATA ? self->code == START_MAIL_INPUT : self->code < 300;

    if (!fits) {
        dialogue_end(self, CPS_MAIL_FAILED, "no reply to %s: %d", step_names[self->step], self->code);
        return;
    }
    switch (self->step) {
    case CPS_SMTP_TO_RCPT:
        self->any_accepted = true;
        say_next(self);
        break;
    case CPS_SMTP_TO_DATA:
        say_message(self);
        break;
    case CPS_SMTP_TO_MESSAGE:
        say_quit(self, CPS_MAIL_DELIVERED);
        break;
    default:
        say_next(self);
    }
}

static void
take_refusal(CpsSmtpDialogue *self, bool sent)
{
    enum { CLOSING = 421 };

    if (self->step == CPS_SMTP_TO_RCPT && self->code != CLOSING) {
        note_refused(self);
        say_next(self);
        return;
    }
    note_error(self);
    if (sent) {
        say_quit(self, CPS_MAIL_REFUSED);
    }
    else { /* in the middle of the message nothing else can be said */
        self->outcome = CPS_MAIL_REFUSED;
        self->over = true;
    }
}

static void
take_reply(CpsSmtpDialogue *self, bool sent)
{
    if (self->code >= 400) {
        take_refusal(self, sent);
    }
    else if (sent) {
        take_success(self);
    }
    else {
        dialogue_end(self, CPS_MAIL_FAILED, "a reply to %s before it was sent", step_names[self->step]);
    }
    self->code = 0;
    self->text.length = 0;
}

/* The code of a line of a reply; 0: it is none. */
static int
code_of_line(const char *line, size_t length)
{
    int code = 0;

    if (length < CODE_DIGITS || (length > CODE_DIGITS && line[CODE_DIGITS] != ' ' && line[CODE_DIGITS] != '-')) {
        return 0;
    }
    for (int i = 0; i < CODE_DIGITS; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return 0;
        }
        code = code * 10 + (line[i] - '0');
    }
    return code >= 200 && code < 600 ? code : 0;
}

static size_t
without_line_end(const char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
        length--;
    }
    return length;
}

/* The code stands before the first line only. */
static void
take_line(CpsSmtpDialogue *self, const char *line, size_t length, bool sent)
{
    int code = code_of_line(line, length);
    bool is_last = length == CODE_DIGITS || (length > CODE_DIGITS && line[CODE_DIGITS] == ' ');

    if (code == 0 || (self->code != 0 && code != self->code)) {
        dialogue_end(self, CPS_MAIL_FAILED, "no reply to %s, but: %.*s", step_names[self->step], (int)length, line);
        return;
    }
    if (self->code == 0) {
        self->code = code;
        append_text(&self->text, line, CODE_DIGITS);
    }
    if (length > CODE_DIGITS + 1) {
        append_text(&self->text, " ", 1);
        append_text(&self->text, line + CODE_DIGITS + 1, length - CODE_DIGITS - 1);
    }
    if (is_last) {
        take_reply(self, sent);
    }
}

void
cps_smtp_dialogue_feed(CpsSmtpDialogue *self, const char *bytes, size_t length, bool sent)
{
    while (length > 0 && !self->over) {
        const char *end = memchr(bytes, '\n', length);
        size_t count = end == NULL ? length : (size_t)(end - bytes) + 1;

        if (self->step == CPS_SMTP_TO_QUIT) {
            self->over = true; /* whatever it says: what has become of the mail is known */
            return;
        }
        if (self->text.length + self->line.length + count > MOST_REPLY ||
            cps_buffer_append(&self->line, bytes, count) < 0) {
            dialogue_end(self, CPS_MAIL_FAILED, "the reply to %s is too long", step_names[self->step]);
            return;
        }
        bytes += count;
        length -= count;
        if (end != NULL) {
            take_line(self, self->line.bytes, without_line_end(self->line.bytes, self->line.length),
                      sent && self->output == NULL);
            self->line.length = 0;
        }
    }
}

/* --- before and after ------------------------------------------------------------------------------------------------------------ */

static bool
line_offers(const char *line, size_t length, const char *keyword)
{
    size_t end = CODE_DIGITS + 1 + strlen(keyword);

    return length >= end && (length == end || line[end] == ' ') &&
           cps_ascii_same(line + CODE_DIGITS + 1, keyword, strlen(keyword));
}

void
cps_smtp_dialogue_hear(CpsSmtpDialogue *self, const char *line, size_t length)
{
    enum { READY = 220, OK = 250 };

    length = without_line_end(line, length);
    self->code = code_of_line(line, length);
    if (self->code == READY) { /* also after STARTTLS, from when on nothing counts that was said before */
        self->offers_size = self->offers_8bit = self->offers_utf8 = false;
    }
    else if (self->code == OK) {
        self->offers_size |= line_offers(line, length, "SIZE");
        self->offers_8bit |= line_offers(line, length, "8BITMIME");
        self->offers_utf8 |= line_offers(line, length, "SMTPUTF8");
    }
    else if (self->code >= 400) {
        append_text(&self->text, line, length);
        note_error(self);
        self->text.length = 0;
    }
    self->code = 0;
}

void
cps_smtp_dialogue_break(CpsSmtpDialogue *self, const char *why, bool timed_out, bool sent)
{
    bool in_doubt = self->step == CPS_SMTP_TO_MESSAGE && sent;

    if (self->over || self->step == CPS_SMTP_TO_QUIT) {
        self->over = true;
        return;
    }
    dialogue_end(self,
                 timed_out  ? CPS_MAIL_TIMEOUT
                 : in_doubt ? CPS_MAIL_FAILED
                            : CPS_MAIL_UNSENT,
                 "no reply to %s: %s%s", step_names[self->step], why, in_doubt ? "; it may be delivered" : "");
}

void
cps_smtp_dialogue_fail(CpsSmtpDialogue *self, CpsMailOutcome outcome, const char *why)
{
    if (outcome != CPS_MAIL_REFUSED) {
        self->error.length = 0;
        append_text(&self->error, why, strlen(why));
    }
    self->outcome = outcome;
    self->over = true;
}

void
cps_smtp_dialogue_reset(CpsSmtpDialogue *self)
{
    self->refused.length = self->error.length = self->line.length = self->text.length = 0;
    self->output = NULL;
    self->over = self->any_accepted = self->offers_size = self->offers_8bit = self->offers_utf8 = false;
    self->reply = self->code = 0;
    self->recipient = self->asked = 0;
    self->step = CPS_SMTP_TO_MAIL;
}

void
cps_smtp_dialogue_free(CpsSmtpDialogue *self)
{
    CpsBuffer *buffers[] = {&self->sender, &self->recipients, &self->message, &self->refused,
                            &self->error,  &self->command,    &self->line,    &self->text};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        cps_buffer_free(buffers[i]);
    }
}
