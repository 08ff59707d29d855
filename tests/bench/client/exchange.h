/*
 * exchange.h: the connections, and the requests and responses on them.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "histogram.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEAD_SIZE = 16 * 1024,
    DISCARD_SIZE = 4 * 1024 * 1024,
};

struct conn {
    int fd;
    bool idle;       /* has its response, or waits for it, and does not ask again before its turn */
    bool asked;      /* true while a response is owed */
    bool sent;       /* the request has been taken by the kernel */
    bool in_body;    /* the head has been read */
    bool over;       /* the body is complete, the server has yet to close */
    bool closes;     /* the server has said that it will close */
    int64_t left;    /* body bytes that are missing */
    int64_t started; /* nanoseconds */
    size_t request;
    size_t head_len;
    char *head; /* only while a head has arrived in part */
};

struct sums {
    uint64_t requests;
    uint64_t bytes;
};

/* What is asked for, and how; set before the first request. */
extern struct sockaddr_in address;
extern bool closing;     /* a connection for each request */
extern size_t read_size; /* of a body, at a time */
extern int read_flags;   /* MSG_TRUNC where bodies are discarded */
extern uint64_t requests_max;
extern struct conn *conns;
extern int conn_count;
extern int turn_count;      /* requests under way at a time, where connections take turns; else 0 */
extern uint32_t bind_first; /* the address of the first connections; 0 leaves it to the kernel */

/* What has happened. */
extern bool measuring; /* latency and window count */
extern struct histogram latency, slice, phase;
extern struct sums all, window, slice_sums, phase_sums;
extern uint64_t errors, bad_status, connects, asked_total;
extern int64_t now; /* nanoseconds, at the end of the last turn */

/* Prints what has failed and why, and exits. */
void fail(const char *what);

int64_t clock_ns(void);

/* Adds a path to those that are asked for by turns; "closing" has its value already. */
void add_request(const char *path);

/* Adds the paths of a file, one a line. */
void add_requests(const char *name);

/* Returns how many paths there are. */
size_t count_requests(void);

/* Makes the connections, which have no sockets yet. */
void make_conns(void);

/* Begins the connection's next request. */
void start(struct conn *c);

/* Lets the connections take turns from now on: each has had a response. Begins the first requests. */
void start_turns(void);

/* Handles the events of one wait; false when nothing is under way any more. */
bool turn(int timeout_ms);

#endif
