/*
 * load.c: the client of the benchmarks.
 *
 * One thread and one epoll drive any number of connections; each has one request under way. Heads
 * are read, bodies are thrown away in the kernel (MSG_TRUNC, tcp(7)), so that the client costs less
 * than the servers that it measures, and can say so: it reports its own processor time.
 *
 *     load [-c CONNS] [-d MS] [-w MS] [-n REQUESTS] [-i IDLE] [-t MS] [-m MS,...] [-x] [-l FILE]
 *          [-r BYTES] [-a ADDRESS] PORT [PATH...]
 *     load -q <LATENCIES
 *
 *     -a  the server's IPv4 address; 127.0.0.1
 *     -c  connections that ask all the time          -i  further ones that ask once and then idle
 *     -d  milliseconds to measure                    -w  milliseconds before that, not measured
 *     -n  stop after so many requests                -t  print a line every so many milliseconds
 *     -x  a connection for each request              -l  read further paths, one a line
 *     -m  sum up at these moments, in milliseconds from the start
 *     -r  read bodies, so many bytes at a time, as ordinary clients do, instead of discarding them
 *     -q  read latencies in nanoseconds and print their quantiles, for the test of the arithmetic
 *
 * It connects the idle ones, prints "ready", waits for a line on its standard input, and then runs.
 * The response is lines of a name and a number. A request that has no response at the end, or when the
 * client sums up, counts among the latencies with its age if it is older than 100 ms: a server that
 * stands still must show it.
 *
 * With -x the server is expected to close first, and the next connection begins once it has. A
 * latency is the time from connect, or from the sending of the request where connections are kept,
 * to the last byte of the body.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_SIZE = 16 * 1024,
    DISCARD_SIZE = 4 * 1024 * 1024,
    EVENTS_MAX = 256,
    SUB_BITS = 7, /* a histogram has 128 buckets for each power of two: 0.8 % */
    BUCKETS = 64 << SUB_BITS,
    OVERDUE_NS = 100 * 1000 * 1000,
    MARKS_MAX = 16,
    IDLE_AT_ONCE = 64,
};

struct request {
    char *text;
    size_t len;
};

struct conn {
    int fd;
    bool idle;       /* asks once */
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

struct histogram {
    uint64_t count[BUCKETS];
    uint64_t total;
    int64_t max;
};

struct sums {
    uint64_t requests;
    uint64_t bytes;
};

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct request *requests;
static size_t request_count, request_next;
static struct conn *conns;
static int conn_count = 64, idle_count, epfd;
static bool closing;
static uint64_t requests_max = UINT64_MAX, asked_total;
static struct histogram latency, slice, phase;
static struct sums all, window, slice_sums, phase_sums;
static int64_t marks[MARKS_MAX];
static int mark_count;
static size_t read_size = DISCARD_SIZE;
static int read_flags = MSG_TRUNC;
static uint64_t errors, bad_status, connects;
static bool measuring;
static int64_t now;
static char head_scratch[HEAD_SIZE + 1], discard[DISCARD_SIZE];

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The bucket of a latency; the unit is 64 ns. */
static unsigned bucket_of(int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : (uint64_t)ns >> 6;
    unsigned shift;

    if (v < (1u << SUB_BITS))
        return (unsigned)v;
    shift = (unsigned)(63 - __builtin_clzll(v)) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (unsigned)((v >> shift) & ((1u << SUB_BITS) - 1));
}

/* The upper end of a bucket, in nanoseconds. */
static double bucket_end(unsigned b)
{
    unsigned shift, sub = b & ((1u << SUB_BITS) - 1);

    if (b < (1u << SUB_BITS))
        return (double)(b + 1) * 64;
    shift = (b >> SUB_BITS) - 1;
    return (double)((uint64_t)((1u << SUB_BITS) + sub + 1) << shift) * 64;
}

static void note(struct histogram *h, int64_t ns)
{
    h->count[bucket_of(ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

/* A quantile in microseconds, by the nearest rank. */
static double quantile(const struct histogram *h, double q)
{
    double rank = q * (double)h->total;
    uint64_t want = (uint64_t)rank, seen = 0;

    if (h->total == 0)
        return 0;
    if ((double)want < rank || want == 0)
        want++;
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += h->count[b];
        if (seen >= want) {
            double end = bucket_end(b);

            return (end < (double)h->max ? end : (double)h->max) / 1000;
        }
    }
    return (double)h->max / 1000;
}

static void add_request(const char *path)
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

static void read_list(const char *name)
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

static void start(struct conn *c);

/* Something went wrong: the connection is made again, after a moment if the server refuses. */
static void failed(struct conn *c)
{
    if (++errors > 100000) {
        fprintf(stderr, "load: too many errors\n");
        exit(1);
    }
    hang_up(c);
    c->asked = false;
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

/* Begins the connection's next request. */
static void start(struct conn *c)
{
    bool fresh = c->fd < 0;

    if (asked_total >= requests_max)
        return;
    c->asked = true;
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

static void body_bytes(size_t n)
{
    all.bytes += n;
    slice_sums.bytes += n;
    phase_sums.bytes += n;
    if (measuring)
        window.bytes += n;
}

/* The last byte of a response has arrived. */
static void answered(struct conn *c)
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
    c->asked = false;
    if (c->idle)
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
        answered(c);
}

static void end_of_stream(struct conn *c)
{
    if (!c->over && (c->asked || !c->idle))
        errors += c->asked;
    hang_up(c);
    c->asked = false;
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
                answered(c);
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

/* One turn; false when nothing is under way any more. */
static bool turn(int timeout_ms)
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
        if (c->fd < 0 && !c->idle)
            start(c);
    }
    now = clock_ns();
    return all.requests + errors < requests_max;
}

/* Opens the idle connections, some at a time, and waits until each has had its response. */
static void open_idle(void)
{
    int64_t give_up = clock_ns() + 60ll * 1000000000;

    now = clock_ns();
    for (int begun = 0; all.requests < (uint64_t)idle_count && now < give_up && errors == 0;) {
        while (begun < idle_count && (uint64_t)begun < all.requests + IDLE_AT_ONCE)
            start(&conns[conn_count + begun++]);
        turn(1000);
    }
    if (all.requests < (uint64_t)idle_count) {
        fprintf(stderr, "load: only %llu of %d idle connections had a response, %llu errors\n",
                (unsigned long long)all.requests, idle_count, (unsigned long long)errors);
        exit(1);
    }
}

/* Adds the ages of the requests that have waited for long. */
static void note_overdue(struct histogram *h)
{
    for (int i = 0; i < conn_count; i++) {
        if (conns[i].asked && now - conns[i].started > OVERDUE_NS)
            note(h, now - conns[i].started);
    }
}

/* Prints a line of a name, the time, the sums and the latencies, and begins to count again. */
static void sum_up(const char *name, int64_t ns, struct histogram *h, struct sums *sums)
{
    note_overdue(h);
    printf("%s %.3f %llu %llu %.1f %.1f %.1f\n", name, (double)ns / 1e6,
           (unsigned long long)sums->requests, (unsigned long long)sums->bytes, quantile(h, 0.5),
           quantile(h, 0.99), (double)h->max / 1000);
    fflush(stdout);
    memset(h, 0, sizeof(*h));
    memset(sums, 0, sizeof(*sums));
}

static void run(int64_t warm_ms, int64_t run_ms, int64_t slice_ms)
{
    int64_t begin = clock_ns(), from = begin + warm_ms * 1000000;
    int64_t end = from + run_ms * 1000000, next = begin + slice_ms * 1000000;
    int64_t window_begin = from;
    bool more = true;
    int mark = 0;

    for (int i = 0; i < conn_count; i++)
        start(&conns[i]);
    now = begin;
    while (more && now < end) {
        int64_t until = end;

        if (!measuring && from < until)
            until = from;
        if (slice_ms && next < until)
            until = next;
        if (mark < mark_count && begin + marks[mark] < until)
            until = begin + marks[mark];
        more = turn((int)((until - now) / 1000000) + 1);
        for (int i = 0; errors && i < conn_count; i++) {
            if (conns[i].fd < 0)
                start(&conns[i]);
        }
        if (!measuring && now >= from) {
            measuring = true;
            window_begin = now;
        }
        if (mark < mark_count && now >= begin + marks[mark]) {
            mark++;
            sum_up("phase", now - begin, &phase, &phase_sums);
        }
        if (slice_ms && now >= next) {
            sum_up("at", now - begin, &slice, &slice_sums);
            while (next <= now)
                next += slice_ms * 1000000;
        }
    }
    if (more)
        note_overdue(&latency);
    printf("seconds %.6f\n", (double)(now - window_begin) / 1e9);
}

static void print_latencies(void)
{
    printf("p50 %.1f\np90 %.1f\np99 %.1f\np999 %.1f\nmax %.1f\n", quantile(&latency, 0.5),
           quantile(&latency, 0.9), quantile(&latency, 0.99), quantile(&latency, 0.999),
           (double)latency.max / 1000);
}

int main(int argc, char **argv)
{
    int64_t run_ms = 1000, warm_ms = 0, slice_ms = 0;
    const char *list = NULL;
    struct rusage before, after;
    char line[16];
    int option;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    while ((option = getopt(argc, argv, "c:d:w:n:i:t:m:xl:r:a:q")) != -1) {
        switch (option) {
        case 'c':
            conn_count = atoi(optarg);
            break;
        case 'd':
            run_ms = atoll(optarg);
            break;
        case 'w':
            warm_ms = atoll(optarg);
            break;
        case 'n':
            requests_max = (uint64_t)atoll(optarg);
            break;
        case 'i':
            idle_count = atoi(optarg);
            break;
        case 't':
            slice_ms = atoll(optarg);
            break;
        case 'm':
            for (char *at = strtok(optarg, ","); at && mark_count < MARKS_MAX;
                 at = strtok(NULL, ","))
                marks[mark_count++] = atoll(at) * 1000000;
            break;
        case 'x':
            closing = true;
            break;
        case 'l':
            list = optarg;
            break;
        case 'r':
            read_size = (size_t)atoll(optarg);
            read_flags = 0;
            if (read_size == 0 || read_size > DISCARD_SIZE)
                return 2;
            break;
        case 'a':
            if (inet_pton(AF_INET, optarg, &address.sin_addr) != 1) {
                fprintf(stderr, "load: %s is not an IPv4 address\n", optarg);
                return 2;
            }
            break;
        case 'q':
            for (long long ns; scanf("%lld", &ns) == 1;)
                note(&latency, ns);
            print_latencies();
            return 0;
        default:
            return 2;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "load: no port\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[optind++]));
    while (optind < argc)
        add_request(argv[optind++]);
    if (list)
        read_list(list);
    if (request_count == 0) {
        fprintf(stderr, "load: no path\n");
        return 2;
    }
    conns = calloc((size_t)(conn_count + idle_count), sizeof(*conns));
    if (!conns)
        fail("calloc");
    for (int i = 0; i < conn_count + idle_count; i++) {
        conns[i].fd = -1;
        conns[i].idle = i >= conn_count;
    }
    epfd = epoll_create1(EPOLL_CLOEXEC);
    if (epfd < 0)
        fail("epoll_create1");
    open_idle();
    memset(&all, 0, sizeof(all));
    memset(&slice, 0, sizeof(slice));
    memset(&slice_sums, 0, sizeof(slice_sums));
    errors = asked_total = connects = 0;
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return 1;
    getrusage(RUSAGE_SELF, &before);
    run(warm_ms, run_ms, slice_ms);
    getrusage(RUSAGE_SELF, &after);
    printf("requests %llu\nbytes %llu\n", (unsigned long long)window.requests,
           (unsigned long long)window.bytes);
    printf("all_requests %llu\nall_bytes %llu\n", (unsigned long long)all.requests,
           (unsigned long long)all.bytes);
    printf("connects %llu\nerrors %llu\nbad_status %llu\n", (unsigned long long)connects,
           (unsigned long long)errors, (unsigned long long)bad_status);
    print_latencies();
    printf("cpu %.6f\n", (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
                                  after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                             (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                                      after.ru_stime.tv_usec - before.ru_stime.tv_usec) /
                                 1e6);
    return 0;
}
