/* mdp.h: the bytes of the MajorDomo protocol, MDP 0.1 (RFC 7 of rfc.zeromq.org), and of compysition's dialect of it. Shared by broker, client,
 * worker and registration service.
 *
 * A standard peer has one socket. One of the dialect has two: it sends on the one whose identity is X, and is sent to at X_receiver. Its
 * requests and replies begin with a frame of its own, the logging id (meta_id); a reply to a client has a command where MDP 0.1 has the name of
 * the service.
 *
 * Where a broker is, as it tells the registration service and that tells everybody, is one frame: its port ("5555"; it is on the host of the
 * registration service), or a host and its port ("10.0.0.7:5555", "[fe80::7]:5555"). A broker that a client of the dialect sends the same
 * request again (the same frames, from the same X) while it has it does not take it twice. */
#ifndef CPS_NET_MDP_H
#define CPS_NET_MDP_H

/* Headers. */
#define CPS_MDP_CLIENT "MDPC01"
#define CPS_MDP_WORKER "MDPW01"
enum { CPS_MDP_HEADER_SIZE = 6 };

/* Commands of one byte. */
#define CPS_MDP_READY "\001"
#define CPS_MDP_REQUEST "\002"
#define CPS_MDP_REPLY "\003" /* in the dialect also from broker to client */
#define CPS_MDP_HEARTBEAT "\004"
#define CPS_MDP_DISCONNECT "\005"
#define CPS_MDP_VERIFY "\006"   /* dialect: client or worker to broker; registers a worker */
#define CPS_MDP_VERIFIED "\007" /* dialect: the answer, with the broker's identity */
#define CPS_MDP_GONE "\010"     /* dialect: registration service to subscribers, a broker is gone */

/* Commands of two bytes, of the dialect. */
#define CPS_MDP_CLIENT_REQUEST "\000\070" /* client to broker */
#define CPS_MDP_ALIVE "\000\071"          /* registration service to subscribers, a broker is alive */

/* What the identity of the socket ends in that a peer of the dialect receives on. */
#define CPS_MDP_RECEIVER "_receiver"

/* Names of brokers, and where they are, as text with a NUL. */
enum { CPS_MDP_NAME_SIZE = 256 };

/* The longest frame that is taken where only identities and places of brokers are spoken of; what CURVE makes of them, and its handshake, are
 * longer than they are. */
enum { CPS_MDP_SHORT_FRAME = 4096 };

/* Services that the broker answers itself (RFC 8). */
#define CPS_MDP_MMI "mmi."

#define CPS_MDP_IS(message, frame, bytes) cps_zmq_frame_is((message), (frame), (bytes), sizeof(bytes) - 1)

#endif
