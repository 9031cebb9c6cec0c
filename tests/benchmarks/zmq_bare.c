/* The bare libzmq that the other benchmarks of messages compare with: `pull COUNT` or `push ENDPOINT COUNT BYTES`. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
pull(void *socket, long count)
{
    char endpoint[256], bytes[4096];
    size_t size = sizeof(endpoint);
    double begin = 0;

    assert(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    printf("%s\n", strrchr(endpoint, ':') + 1);
    fflush(stdout);
    for (long i = 0; i < count; i++) {
        assert(zmq_recv(socket, bytes, sizeof(bytes), 0) > 0);
        begin = i == 0 ? now() : begin;
    }
    printf("%.6f\n", now() - begin);
}

static void
push(void *socket, const char *endpoint, long count, size_t length)
{
    char *bytes = calloc(1, length);

    assert(zmq_connect(socket, endpoint) == 0);
    for (long i = 0; i < count; i++) {
        assert(zmq_send(socket, bytes, length, 0) == (int)length);
    }
    free(bytes);
}

int
main(int argc, char **argv)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, argc > 4 ? ZMQ_PUSH : ZMQ_PULL);

    if (argc > 4) {
        push(socket, argv[2], atol(argv[3]), (size_t)atol(argv[4]));
    }
    else {
        pull(socket, atol(argv[2]));
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
