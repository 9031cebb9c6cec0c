#include "net/election.h"

#include "base/buffer.h"
#include "base/list.h"
#include "net/groupsocket.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    STAMP_DIGITS = 16,
    DIGEST_BYTES = 32,
    SIGNATURE = STAMP_DIGITS + 2 * DIGEST_BYTES,
    LONGEST_DATAGRAM = CPS_ELECTION_SERVICE + CPS_ELECTION_UUID + SIGNATURE,
    MAX_PEERS = 1024,  /* that are remembered: anybody can invent some */
    MOST_LINES = 64,   /* about peers, logged between two pings */
    TEXT_SIZE = 2048,  /* of one of them */
    TARGET_SIZE = 128, /* "address:port" */
};
static const uint64_t SECOND = 1000 * 1000 * 1000; /* nanoseconds */
static const int64_t SKEW = CPS_ELECTION_SKEW * INT64_C(1000000);

/* A node that was heard. Those that died are kept for as long as what they have signed could be sent again. */
typedef struct {
    CpsLink link;
    char uuid[CPS_ELECTION_UUID + 1];
    uint64_t expires_at;
    int64_t stamp; /* of its last ping */
    bool alive;
} Peer;

/* Lives until the loop has closed its handles. */
struct CpsElection {
    const CpsElectionOps *ops;
    void *context; /* borrowed */
    uv_udp_t socket;
    uv_timer_t timer;
    int handles; /* of these two, not closed yet */
    struct sockaddr_storage target;
    char target_name[TARGET_SIZE];
    CpsBuffer ping; /* service and uuid */
    size_t service_length;
    CpsBuffer key; /* empty: none */
    uint64_t interval, lifetime;
    long burn_in;
    int64_t stamp; /* of the last ping that was signed */
    int send_code; /* how the last one failed, or 0 */
    int receive_code;
    size_t forged, replayed; /* pings that were refused since that was logged */
    uint64_t refusals_due;   /* when it may be logged again */
    int lines;               /* about peers since the last ping */
    bool overflowed;         /* it was logged that there are too many peers */
    char received[LONGEST_DATAGRAM + 1];
    uv_mutex_t lock; /* over all below, which other threads read */
    CpsList peers;
    size_t peer_count;
    uint64_t pinged_at;
    long pings; /* since the burn-in began */
    bool master;
};

/* --- clocks and words ------------------------------------------------------------------------------------------------------------ */

/* A clock that goes on while the machine sleeps: others do not wait for it. */
static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Microseconds since 1970. */
static int64_t
wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
election_log(CpsElection *election, CpsElectionLevel level, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    election->ops->log(election->context, level, text);
}

static const char *
election_uuid(const CpsElection *election)
{
    return election->ping.bytes + election->service_length;
}

/* Whether another line about a peer may be logged now: anybody can invent peers. */
static bool
may_log_peer(CpsElection *election)
{
    election->lines++;
    if (election->lines == MOST_LINES) {
        election_log(election, CPS_ELECTION_WARNING, "Too many peers come and go, the others are not logged");
    }
    return election->lines < MOST_LINES;
}

static void
log_discovered(CpsElection *election, const Peer *peer, size_t total)
{
    if (may_log_peer(election)) {
        election_log(election, CPS_ELECTION_INFO, "New peer (%s) discovered in '%.*s' peer pool. (Total: %zu)",
                     peer->uuid, (int)election->service_length, election->ping.bytes, total);
    }
}

static void
log_reaped(CpsElection *election, const Peer *peer, size_t remaining)
{
    if (may_log_peer(election)) {
        election_log(election, CPS_ELECTION_INFO,
                     "Reaping expired peer (%s) from '%.*s' peer pool. (Total remaining: %zu)", peer->uuid,
                     (int)election->service_length, election->ping.bytes, remaining);
    }
}

/* --- pings ----------------------------------------------------------------------------------------------------------------------- */

static void
write_hex(char *text, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
}

static bool
is_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f'))) {
            return false;
        }
    }
    return true;
}

/* Write the digest of `length` bytes behind them. Returns 0, or -1 when OpenSSL cannot. */
static int
sign(const CpsElection *election, const char *bytes, size_t length, char text[2 * DIGEST_BYTES])
{
    unsigned char digest[DIGEST_BYTES];

    if (HMAC(EVP_sha256(), election->key.bytes, (int)election->key.length, (const unsigned char *)bytes, length, digest,
             NULL) == NULL) {
        return -1;
    }
    write_hex(text, digest, DIGEST_BYTES);
    return 0;
}

/* A clock that was set back a little goes on from where it was; more would be refused anyway. */
static int64_t
next_stamp(CpsElection *election)
{
    int64_t now = wall_clock();

    if (now <= election->stamp && election->stamp - now < SKEW) {
        now = election->stamp + 1;
    }
    election->stamp = now;
    return now;
}

/* Write the next ping. Returns its length, or 0. */
static size_t
write_ping(CpsElection *election, char datagram[LONGEST_DATAGRAM + 1])
{
    size_t length = election->ping.length;

    memcpy(datagram, election->ping.bytes, length);
    if (election->key.length > 0) {
        (void)snprintf(datagram + length, STAMP_DIGITS + 1, "%016" PRIx64, (uint64_t)next_stamp(election));
        length += STAMP_DIGITS;
        if (sign(election, datagram, length, datagram + length) < 0) {
            return 0;
        }
        length += 2 * DIGEST_BYTES;
    }
    return length;
}

/* A failure is logged when it begins and when it is over; the pings go on. */
static void
send_ping(CpsElection *election)
{
    char datagram[LONGEST_DATAGRAM + 1];
    uv_buf_t buffer = uv_buf_init(datagram, (unsigned int)write_ping(election, datagram));
    int code = buffer.len == 0
                   ? UV_ENOMEM
                   : uv_udp_try_send(&election->socket, &buffer, 1, (const struct sockaddr *)&election->target);

    if (code < 0 && code != election->send_code) {
        election_log(election, CPS_ELECTION_WARNING, "Unable to send a ping to %s: %s", election->target_name,
                     uv_strerror(code));
    }
    else if (code >= 0 && election->send_code < 0) {
        election_log(election, CPS_ELECTION_INFO, "Pings to %s are sent again", election->target_name);
    }
    election->send_code = code < 0 ? code : 0;
}

/* --- the decision ---------------------------------------------------------------------------------------------------------------- */

/* Whether no peer has a greater uuid. */
static bool
is_greatest(const CpsElection *election)
{
    for (CpsLink *link = cps_list_first(&election->peers); link != NULL;
         link = cps_list_after(&election->peers, link)) {
        const Peer *peer = CPS_CONTAINER(link, Peer, link);

        if (peer->alive && memcmp(peer->uuid, election_uuid(election), CPS_ELECTION_UUID) > 0) {
            return false;
        }
    }
    return true;
}

static void
decide(CpsElection *election)
{
    bool master = election->pings > election->burn_in && is_greatest(election);

    if (master != election->master) {
        election->master = master;
        election_log(election, CPS_ELECTION_INFO,
                     master ? "Changing from slave to master" : "Changing from master to slave");
        election->ops->changed(election->context);
    }
}

/* --- peers ----------------------------------------------------------------------------------------------------------------------- */

static size_t
count_alive(const CpsElection *election)
{
    size_t count = 0;

    for (CpsLink *link = cps_list_first(&election->peers); link != NULL;
         link = cps_list_after(&election->peers, link)) {
        count += CPS_CONTAINER(link, Peer, link)->alive;
    }
    return count;
}

static void
forget(CpsElection *election, Peer *peer)
{
    cps_link_remove(&peer->link);
    election->peer_count--;
    free(peer);
}

/* Whether something that it has signed might still be taken for new. A stamp from the future was made by a clock that has been set back. */
static bool
may_be_replayed(const CpsElection *election, const Peer *peer)
{
    int64_t age = wall_clock() - peer->stamp;

    return election->key.length > 0 && age <= SKEW && age >= -SKEW;
}

static void
reap(CpsElection *election, uint64_t now)
{
    CpsLink *link = cps_list_first(&election->peers);

    while (link != NULL) {
        Peer *peer = CPS_CONTAINER(link, Peer, link);

        link = cps_list_after(&election->peers, link);
        if (peer->alive && peer->expires_at <= now) {
            peer->alive = false;
            log_reaped(election, peer, count_alive(election));
        }
        if (!peer->alive && !may_be_replayed(election, peer)) {
            forget(election, peer);
        }
    }
}

/* NULL if it was not heard before. */
static Peer *
find_peer(const CpsElection *election, const char *uuid)
{
    for (CpsLink *link = cps_list_first(&election->peers); link != NULL;
         link = cps_list_after(&election->peers, link)) {
        Peer *peer = CPS_CONTAINER(link, Peer, link);

        if (memcmp(peer->uuid, uuid, CPS_ELECTION_UUID) == 0) {
            return peer;
        }
    }
    return NULL;
}

/* With too many, those with the greatest uuids are kept: they decide. Returns whether there is room for `uuid`. */
static bool
make_room(CpsElection *election, const char *uuid)
{
    Peer *least = NULL;

    if (election->peer_count < MAX_PEERS) {
        return true;
    }
    if (!election->overflowed) {
        election->overflowed = true;
        election_log(election, CPS_ELECTION_WARNING, "There are more than %d peers, only those are remembered",
                     MAX_PEERS);
    }
    for (CpsLink *link = cps_list_first(&election->peers); link != NULL;
         link = cps_list_after(&election->peers, link)) {
        Peer *peer = CPS_CONTAINER(link, Peer, link);

        if (least == NULL || memcmp(peer->uuid, least->uuid, CPS_ELECTION_UUID) < 0) {
            least = peer;
        }
    }
    if (least == NULL || memcmp(least->uuid, uuid, CPS_ELECTION_UUID) > 0) {
        return false;
    }
    forget(election, least);
    return true;
}

/* New and remembered, or NULL. */
static Peer *
add_peer(CpsElection *election, const char *uuid)
{
    Peer *peer = make_room(election, uuid) ? calloc(1, sizeof(*peer)) : NULL;

    if (peer != NULL) {
        memcpy(peer->uuid, uuid, CPS_ELECTION_UUID);
        peer->stamp = INT64_MIN;
        cps_list_append(&election->peers, &peer->link);
        election->peer_count++;
    }
    return peer;
}

/* A ping of another node has come, at `stamp` of its clock. */
static void
hear(CpsElection *election, const char *uuid, int64_t stamp)
{
    Peer *peer = find_peer(election, uuid);

    if (peer != NULL && may_be_replayed(election, peer) && stamp <= peer->stamp) {
        election->replayed++;
        return;
    }
    if (peer == NULL) {
        peer = add_peer(election, uuid);
    }
    if (peer == NULL) {
        return;
    }
    peer->stamp = stamp;
    peer->expires_at = now_ns() + election->lifetime;
    if (!peer->alive) {
        peer->alive = true;
        log_discovered(election, peer, count_alive(election));
    }
    decide(election);
}

/* --- what comes ------------------------------------------------------------------------------------------------------------------ */

/* Whether it is signed by somebody who has the key, at about this time; *stamp is set. */
static bool
check_signature(CpsElection *election, const char *bytes, int64_t *stamp)
{
    size_t signed_length = election->ping.length + STAMP_DIGITS;
    char expected[2 * DIGEST_BYTES], digits[STAMP_DIGITS + 1] = "";
    int64_t now = wall_clock();

    memcpy(digits, bytes + election->ping.length, STAMP_DIGITS);
    if (sign(election, bytes, signed_length, expected) < 0 ||
        CRYPTO_memcmp(expected, bytes + signed_length, sizeof(expected)) != 0 || !is_hex(digits, STAMP_DIGITS) ||
        digits[0] > '7') {
        election->forged++;
        return false;
    }
    *stamp = (int64_t)strtoull(digits, NULL, 16); /* not negative: its first digit is 7 at most */
    if (*stamp < now - SKEW || *stamp > now + SKEW) {
        election->replayed++;
        return false;
    }
    return true;
}

/* The whole datagram must be a ping of the group: the names of others may begin as ours does. */
static void
take_datagram(CpsElection *election, const char *bytes, size_t length)
{
    const char *uuid = bytes + election->service_length;
    bool has_key = election->key.length > 0;
    size_t ping = election->ping.length;
    int64_t stamp = 0;

    if ((length != ping && length != ping + SIGNATURE) ||
        memcmp(bytes, election->ping.bytes, election->service_length) != 0 || !is_hex(uuid, CPS_ELECTION_UUID) ||
        memcmp(uuid, election_uuid(election), CPS_ELECTION_UUID) == 0) {
        return;
    }
    if (has_key != (length == ping + SIGNATURE)) {
        election->forged += has_key;
        return;
    }
    if (!has_key || check_signature(election, bytes, &stamp)) {
        hear(election, uuid, stamp);
    }
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    CpsElection *election = handle->data;

    *buffer = uv_buf_init(election->received, sizeof(election->received));
}

static void
on_received(uv_udp_t *socket, ssize_t count, const uv_buf_t *buffer, const struct sockaddr *from, unsigned int flags)
{
    CpsElection *election = socket->data;

    if (count < 0) {
        if (election->receive_code != count) {
            election_log(election, CPS_ELECTION_WARNING, "Unable to receive pings: %s", uv_strerror((int)count));
        }
        election->receive_code = (int)count;
    }
    else if (from != NULL && (flags & UV_UDP_PARTIAL) == 0) {
        election->receive_code = 0;
        uv_mutex_lock(&election->lock);
        take_datagram(election, buffer->base, (size_t)count);
        uv_mutex_unlock(&election->lock);
    }
}

/* --- time ------------------------------------------------------------------------------------------------------------------------ */

/* Whether this node was silent for so long that the others may do without it. */
static bool
was_held_up(const CpsElection *election, uint64_t now)
{
    return election->pings > 0 && now - election->pinged_at >= election->lifetime;
}

/* Listen first, as at the start. What the others have sent meanwhile was not read yet: they are not dead. */
static void
begin_again(CpsElection *election, uint64_t now)
{
    election_log(election, CPS_ELECTION_WARNING, "No ping was sent for %.3g seconds: the election begins again",
                 (double)(now - election->pinged_at) / (double)SECOND);
    election->pings = 0;
    for (CpsLink *link = cps_list_first(&election->peers); link != NULL;
         link = cps_list_after(&election->peers, link)) {
        CPS_CONTAINER(link, Peer, link)->expires_at = now + election->lifetime;
    }
}

static void
log_refusals(CpsElection *election, uint64_t now)
{
    if (election->forged + election->replayed > 0 && now >= election->refusals_due) {
        election_log(
            election, CPS_ELECTION_WARNING,
            "Refused pings in '%.*s' peer pool: %zu not signed with the key, %zu replayed or from a clock that "
            "differs by more than %d seconds",
            (int)election->service_length, election->ping.bytes, election->forged, election->replayed,
            (int)CPS_ELECTION_SKEW);
        election->forged = election->replayed = 0;
        election->refusals_due = now + election->lifetime;
    }
}

static void
on_tick(uv_timer_t *timer)
{
    CpsElection *election = timer->data;
    uint64_t now = now_ns();

    uv_mutex_lock(&election->lock);
    election->lines = 0;
    if (was_held_up(election, now)) {
        begin_again(election, now);
    }
    election->pinged_at = now;
    election->pings++;
    reap(election, now);
    decide(election);
    uv_mutex_unlock(&election->lock);
    log_refusals(election, now);
    send_ping(election);
}

bool
cps_election_is_master(CpsElection *election)
{
    bool master;

    uv_mutex_lock(&election->lock);
    master = election->master && !was_held_up(election, now_ns());
    uv_mutex_unlock(&election->lock);
    return master;
}

CpsElectionPeer *
cps_election_peers(CpsElection *election, size_t *count)
{
    uint64_t now = now_ns();
    CpsElectionPeer *peers;

    *count = 0;
    uv_mutex_lock(&election->lock);
    peers = calloc(election->peer_count + 1, sizeof(*peers));
    for (CpsLink *link = cps_list_first(&election->peers); peers != NULL && link != NULL;
         link = cps_list_after(&election->peers, link)) {
        const Peer *peer = CPS_CONTAINER(link, Peer, link);

        if (peer->alive) {
            memcpy(peers[*count].uuid, peer->uuid, sizeof(peer->uuid));
            peers[*count].remaining = peer->expires_at > now ? (double)(peer->expires_at - now) / (double)SECOND : 0;
            (*count)++;
        }
    }
    uv_mutex_unlock(&election->lock);
    return peers;
}

/* --- opening and closing --------------------------------------------------------------------------------------------------------- */

static void
election_free(CpsElection *election)
{
    CpsLink *link;

    while ((link = cps_list_first(&election->peers)) != NULL) {
        forget(election, CPS_CONTAINER(link, Peer, link));
    }
    uv_mutex_destroy(&election->lock);
    cps_buffer_free(&election->ping);
    if (election->key.length > 0) {
        OPENSSL_cleanse(election->key.bytes, election->key.length);
    }
    cps_buffer_free(&election->key);
    free(election);
}

static void
on_handle_closed(uv_handle_t *handle)
{
    CpsElection *election = handle->data;

    if (--election->handles == 0) {
        election_free(election);
    }
}

void
cps_election_close(CpsElection **election_p)
{
    CpsElection *election = *election_p;

    *election_p = NULL;
    if (election != NULL) {
        uv_close((uv_handle_t *)&election->socket, on_handle_closed);
        uv_close((uv_handle_t *)&election->timer, on_handle_closed);
    }
}

/* Without its handles. New, or NULL when out of memory. */
static CpsElection *
election_new(const CpsElectionSettings *settings)
{
    CpsElection *election = calloc(1, sizeof(*election));

    if (election == NULL || uv_mutex_init(&election->lock) < 0) {
        free(election);
        return NULL;
    }
    cps_list_init(&election->peers);
    election->service_length = settings->service_length;
    election->interval = (uint64_t)(settings->interval * (double)SECOND);
    election->lifetime = (uint64_t)(settings->interval * settings->expiry * (double)SECOND);
    election->burn_in = settings->burn_in;
    (void)snprintf(election->target_name, sizeof(election->target_name), "%s:%d", settings->address, settings->port);
    if (cps_buffer_append(&election->ping, settings->service, settings->service_length) < 0 ||
        cps_buffer_append(&election->ping, settings->uuid, CPS_ELECTION_UUID) < 0 ||
        cps_buffer_append(&election->key, settings->key, settings->key_length) < 0) {
        election_free(election);
        return NULL;
    }
    return election;
}

/* Takes `fd`. From here on cps_election_close frees the election. Returns 0, or a libuv code. */
static int
election_start(CpsElection *election, uv_loop_t *loop, int fd)
{
    uint64_t repeat = (election->interval + SECOND / 2000) / (SECOND / 1000);
    int code;

    (void)uv_udp_init(loop, &election->socket); /* neither can fail */
    (void)uv_timer_init(loop, &election->timer);
    election->socket.data = election->timer.data = election;
    election->handles = 2;
    code = uv_udp_open(&election->socket, fd);
    if (code < 0) {
        close(fd);
        return code;
    }
    uv_update_time(loop); /* the loop's clock stands still between its turns */
    (void)uv_timer_start(&election->timer, on_tick, 0, repeat == 0 ? 1 : repeat);
    return uv_udp_recv_start(&election->socket, on_alloc, on_received);
}

int
cps_election_open(CpsElection **election_p, uv_loop_t *loop, const CpsElectionSettings *settings,
                  const CpsElectionOps *ops, void *context, const char **what)
{
    CpsElection *election;
    struct sockaddr_storage target;
    int fd, code = cps_group_address(settings->address, settings->port, &target);

    *election_p = NULL;
    *what = "the address";
    fd = code < 0 ? code : cps_group_socket(&target, settings->interface, what);
    if (fd < 0) {
        return fd;
    }
    election = election_new(settings);
    if (election == NULL) {
        close(fd);
        return UV_ENOMEM;
    }
    election->target = target;
    election->ops = ops;
    election->context = context;
    code = election_start(election, loop, fd);
    if (code < 0) {
        cps_election_close(&election);
    }
    *election_p = election;
    return code;
}
