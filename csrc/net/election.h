/* election.h: a group of nodes chooses its master. Each node pings the others by UDP, on a broadcast or multicast address; whoever has the
 * greatest uuid of those that are heard is master. Plain C, in the loop's thread; what asks about the state may be called in others, too.
 *
 * A ping is the name of the group (the service) and the uuid of the sender, nothing else. With a key there follow 16 hexadecimal digits, the
 * microseconds of the sender's clock since 1970, and the 64 of HMAC-SHA256 over all that (RFC 2104): then a ping counts only if it is signed,
 * no older or newer than CPS_ELECTION_SKEW, and newer than all that have come from that node. */
#ifndef CPS_NET_ELECTION_H
#define CPS_NET_ELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum {
    CPS_ELECTION_UUID = 32,      /* hexadecimal digits, lower case */
    CPS_ELECTION_SERVICE = 1024, /* bytes of a name at most */
    CPS_ELECTION_SKEW = 30,      /* seconds between the clocks of nodes with a key */
};

typedef enum { CPS_ELECTION_INFO, CPS_ELECTION_WARNING } CpsElectionLevel;

/* Texts are borrowed until cps_election_open returns. */
typedef struct {
    const char *service; /* UTF-8 */
    size_t service_length;
    const char *uuid;      /* of this node */
    const char *address;   /* where pings are sent: IPv4 broadcast, or multicast of IPv4 or IPv6 */
    const char *interface; /* its name; NULL: as the routes say */
    int port;
    double interval; /* seconds between two pings */
    double expiry;   /* a peer is taken for dead after so many of them, at least 2 */
    long burn_in;    /* pings before anything is decided */
    const char *key; /* NULL: pings are not signed */
    size_t key_length;
} CpsElectionSettings;

/* In libuv callbacks. */
typedef struct {
    void (*log)(void *context, CpsElectionLevel level, const char *text);
    void (*changed)(void *context); /* master has become slave, or slave master */
} CpsElectionOps;

typedef struct CpsElection CpsElection;

/* Bind the port, and begin to ping. Returns 0, or a libuv code; *what then says what has failed. */
int cps_election_open(CpsElection **election_p, uv_loop_t *loop, const CpsElectionSettings *settings,
                      const CpsElectionOps *ops, void *context, const char **what);

/* Leave the group: the socket is closed, nothing is called any more. *election_p, which may be NULL, becomes NULL. */
void cps_election_close(CpsElection **election_p);

/* Any thread. Not once this node has been held up for so long that the others may have taken it for dead. */
bool cps_election_is_master(CpsElection *election);

typedef struct {
    char uuid[CPS_ELECTION_UUID + 1];
    double remaining; /* seconds until it is taken for dead */
} CpsElectionPeer;

/* Any thread. The peers that are alive; *count is set. To be freed; NULL when out of memory. */
CpsElectionPeer *cps_election_peers(CpsElection *election, size_t *count);

#endif
