/*
 * exchange.c: the connections, and the requests and responses on them. One epoll drives all.
 */
#define _GNU_SOURCE
#include "exchange.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    BIND_CONNS = 10000, /* connections of an address, which has some 28,000 ports (ip(7)) */
};

struct request {
    char *text;
    size_t len;
};

struct sockaddr_in address = {.sin_family = AF_INET};
bool closing;
size_t read_size = DISCARD_SIZE;
int read_flags = MSG_TRUNC;
uint64_t requests_max = UINT64_MAX;
struct conn *conns;
int conn_count = 64, turn_count;
uint32_t bind_first;
bool measuring;
struct histogram latency, slice, phase;
struct sums all, window, slice_sums, phase_sums;
uint64_t errors, bad_status, connects, asked_total;
int64_t now;

static struct request *requests;
static size_t request_count, request_next;
static struct conn **order; /* in which connections take turns */
static int order_next, under_way;
static int epfd;
static char head_scratch[HEAD_SIZE + 1], discard[DISCARD_SIZE];

void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void add_request(const char *path)
{
    struct request *r;

    requests = realloc(requests, (request_count + 1) * sizeof(*requests));
    if (!requests)
        fail("realloc");
    r = &requests[request_count++];
    r->len = (size_t)asprintf(&r->text, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path,
                              closing ? "Connection: close\r\n" : "");
    if (!r->text)
        fail("asprintf");
}

void add_requests(const char *name)
{
    FILE *f = fopen(name, "r");
    char *line = NULL;
    size_t size = 0;

    if (!f)
        fail(name);
    while (getline(&line, &size, f) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        add_request(line);
    }
    free(line);
    fclose(f);
}

size_t count_requests(void)
{
    return request_count;
}

void make_conns(void)
{
    conns = calloc((size_t)conn_count, sizeof(*conns));
    if (!conns)
        fail("calloc");
    for (int i = 0; i < conn_count; i++) {
        conns[i].fd = -1;
        conns[i].idle = turn_count > 0;
    }
    epfd = epoll_create1(EPOLL_CLOEXEC);
    if (epfd < 0)
        fail("epoll_create1");
}

static void watch(struct conn *c, int call, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    if (epoll_ctl(epfd, call, c->fd, &ev) < 0)
        fail("epoll_ctl");
}

static void hang_up(struct conn *c)
{
    close(c->fd);
    c->fd = -1;
    free(c->head);
    c->head = NULL;
    c->head_len = 0;
}

/* The connection's request is over. */
static void over(struct conn *c)
{
    under_way -= c->asked;
    c->asked = false;
}

/* Something went wrong: the connection is made again, after a moment if the server refuses. */
static void failed(struct conn *c)
{
    if (++errors > 100000) {
        fprintf(stderr, "load: too many errors\n");
        exit(1);
    }
    hang_up(c);
    over(c);
}

/* Lets connections have an address of their own, and the kernel choose the port when it connects. */
static void bind_to(struct conn *c)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int one = 1;

    from.sin_addr.s_addr = htonl(bind_first + (uint32_t)((c - conns) / BIND_CONNS));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
        fail("bind");
}

/* Sends the request, or leaves it to EPOLLOUT. */
static void ask(struct conn *c)
{
    struct request *r = &requests[c->request];
    ssize_t n = send(c->fd, r->text, r->len, MSG_NOSIGNAL);

    if (n == (ssize_t)r->len) {
        c->sent = true;
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS))
        return;
    failed(c);
}

void start(struct conn *c)
{
    bool fresh = c->fd < 0;

    if (asked_total >= requests_max)
        return;
    c->asked = true;
    under_way++;
    c->sent = c->in_body = c->over = c->closes = false;
    c->request = request_next++ % request_count;
    c->started = clock_ns();
    asked_total++;
    if (fresh) {
        int one = 1;

        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
            fail("socket");
        connects++;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (bind_first)
            bind_to(c);
        if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
            errno != EINPROGRESS) {
            failed(c);
            return;
        }
    }
    ask(c);
    if (c->fd < 0)
        return;
    if (fresh)
        watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLRDHUP | (c->sent ? 0 : EPOLLOUT));
    else if (!c->sent)
        watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
}

/*
 * Returns the connection whose turn it is, or NULL if those that have had none in this round have a
 * request under way. The order is another one in each round: neither a server's memory nor its lists
 * have it.
 */
static struct conn *next_turn(void)
{
    static uint64_t random = 1;
    int left = conn_count - order_next, at;

    random = random * 6364136223846793005u + 1442695040888963407u;
    at = (int)((random >> 33) % (uint64_t)left);
    for (int i = 0; i < left; i++, at = (at + 1) % left) {
        struct conn *c = order[order_next + at];

        if (c->asked)
            continue;
        order[order_next + at] = order[order_next];
        order[order_next] = c;
        order_next = (order_next + 1) % conn_count;
        return c;
    }
    return NULL;
}

/* Begins as many requests as are missing. */
static void next_requests(void)
{
    while (under_way < turn_count && asked_total < requests_max && errors < 1000) {
        struct conn *c = next_turn();

        if (!c)
            return;
        start(c);
    }
}

void start_turns(void)
{
    for (int i = 0; i < conn_count; i++)
        conns[i].idle = false;
    if (turn_count == conn_count) { /* each has its turn as soon as it has its response */
        for (int i = 0; i < conn_count; i++)
            start(&conns[i]);
        return;
    }
    order = calloc((unsigned)conn_count, sizeof(struct conn *));
    if (!order)
        fail("calloc");
    for (int i = 0; i < conn_count; i++)
        order[i] = &conns[i];
    next_requests();
}

static void body_bytes(size_t n)
{
    all.bytes += n;
    slice_sums.bytes += n;
    phase_sums.bytes += n;
    if (measuring)
        window.bytes += n;
}

/* The last byte of a response has arrived. */
static void complete(struct conn *c)
{
    int64_t took = clock_ns() - c->started;

    all.requests++;
    slice_sums.requests++;
    phase_sums.requests++;
    if (!c->idle) {
        note(&slice, took);
        note(&phase, took);
        if (measuring) {
            window.requests++;
            note(&latency, took);
        }
    }
    over(c);
    if (c->idle || order)
        return;
    if (closing || c->closes)
        c->over = true;
    else
        start(c);
}

/* Reads the head that stands in text; false if there is no complete one. */
static bool read_head(struct conn *c, const char *text, size_t len, size_t *head_len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    const char *line;

    if (!end)
        return false;
    *head_len = (size_t)(end - text) + 4;
    c->left = -1;
    if (len < 12 || memcmp(text + 9, "200", 3) != 0)
        bad_status++;
    for (line = text; line < end;) {
        line = memchr(line, '\n', (size_t)(end - line));
        if (!line)
            break;
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0)
            c->left = strtoll(line + 15, NULL, 10);
        else if (strncasecmp(line, "connection:", 11) == 0)
            c->closes = strncasecmp(line + 11 + strspn(line + 11, " "), "close", 5) == 0;
    }
    if (c->left < 0) {
        fprintf(stderr, "load: a response without Content-Length\n");
        exit(1);
    }
    return true;
}

/* Takes in n bytes of a head, which stand in text behind what the connection has of it. */
static void head_bytes(struct conn *c, char *text, size_t n)
{
    size_t len = c->head_len + n, head_len;

    if (!read_head(c, text, len, &head_len)) {
        if (len == HEAD_SIZE) {
            failed(c);
            return;
        }
        if (!c->head) {
            c->head = malloc(HEAD_SIZE + 1);
            if (!c->head)
                fail("malloc");
            memcpy(c->head, text, len);
        }
        c->head_len = len;
        return;
    }
    free(c->head);
    c->head = NULL;
    c->head_len = 0;
    c->in_body = true;
    c->left -= (int64_t)(len - head_len);
    if (c->left < 0) {
        failed(c); /* more than was promised */
        return;
    }
    if (c->left == 0)
        complete(c);
}

static void end_of_stream(struct conn *c)
{
    if (!c->over && (c->asked || !c->idle))
        errors += c->asked;
    hang_up(c);
    over(c);
}

static void readable(struct conn *c, uint32_t events)
{
    ssize_t n;

    if (c->over && (events & (EPOLLRDHUP | EPOLLHUP))) {
        end_of_stream(c);
        return;
    }
    if (c->in_body && c->asked) {
        n = recv(c->fd, discard, (size_t)c->left < read_size ? (size_t)c->left : read_size,
                 read_flags);
        if (n > 0) {
            body_bytes((size_t)n);
            c->left -= n;
            if (c->left == 0)
                complete(c);
        }
    } else {
        char *text = c->head ? c->head : head_scratch;

        n = recv(c->fd, text + c->head_len, HEAD_SIZE - c->head_len, 0);
        if (n > 0) {
            body_bytes((size_t)n);
            if (!c->asked) {
                failed(c); /* nobody has asked for that */
                return;
            }
            head_bytes(c, text, (size_t)n);
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        end_of_stream(c);
        return;
    }
    /* The end of the stream came together with the last bytes. */
    if (c->fd >= 0 && c->over && (events & EPOLLRDHUP))
        end_of_stream(c);
}

bool turn(int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(epfd, events, EVENTS_MAX, timeout_ms);

    if (n < 0 && errno != EINTR)
        fail("epoll_wait");
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;

        if (events[i].events & EPOLLOUT) {
            ask(c);
            if (c->fd < 0)
                continue;
            if (c->sent)
                watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
        }
        if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            readable(c, events[i].events);
        if (order)
            next_requests();
        else if (c->fd < 0 && !c->idle)
            start(c);
    }
    now = clock_ns();
    return all.requests + errors < requests_max;
}
