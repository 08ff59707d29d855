/*
 * load.c: the client of the benchmarks.
 *
 * One thread and one epoll drive any number of connections; each has one request under way. Heads
 * are read, bodies are thrown away in the kernel (MSG_TRUNC, tcp(7)), so that the client costs less
 * than the servers that it measures, and can say so: it reports its own processor time.
 *
 *     load [-c CONNS] [-d MS] [-w MS] [-n REQUESTS] [-t MS] [-m MS,...] [-x] [-l FILE]
 *          [-r BYTES] [-a ADDRESS] [-k REQUESTS] [-b ADDRESS] PORT [PATH...]
 *     load -q <LATENCIES
 *
 *     -a  the server's IPv4 address; 127.0.0.1
 *     -c  connections, which ask all the time        -l  read further paths, one a line
 *     -d  milliseconds to measure                    -w  milliseconds before that, not measured
 *     -n  stop after so many requests                -t  print a line every so many milliseconds
 *     -x  a connection for each request
 *     -m  sum up at these moments, in milliseconds from the start
 *     -r  read bodies, so many bytes at a time, as ordinary clients do, instead of discarding them
 *     -k  the connections are opened first, have a response each, and then take turns: so many
 *         requests are under way at a time, on all connections one after the other
 *     -b  the address of the first 10,000 connections; the next ones have the next address
 *     -q  read latencies in nanoseconds and print their quantiles, for the test of the arithmetic
 *
 * It opens connections that take turns, prints "ready", waits for a line on its standard input, and
 * then runs. The response is lines of a name and a number. A request that has no response at the end, or when the
 * client sums up, counts among the latencies with its age if it is older than 100 ms: a server that
 * stands still must show it.
 *
 * With -x the server is expected to close first, and the next connection begins once it has. A
 * latency is the time from connect, or from the sending of the request where connections are kept,
 * to the last byte of the body.
 */
#include "exchange.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    OVERDUE_NS = 100 * 1000 * 1000,
    MARKS_MAX = 16,
    OPENED_AT_ONCE = 64,
};

static int64_t marks[MARKS_MAX];
static int mark_count;

/*
 * Opens the connections, some at a time, and waits until each has had its response. Returns how long
 * that took.
 */
static double open_all(void)
{
    int64_t begin = clock_ns(), give_up = begin + 60ll * 1000000000;

    now = begin;
    for (int begun = 0; all.requests < (uint64_t)conn_count && now < give_up && errors == 0;) {
        while (begun < conn_count && (uint64_t)begun < all.requests + OPENED_AT_ONCE)
            start(&conns[begun++]);
        turn(1000);
    }
    if (all.requests < (uint64_t)conn_count) {
        fprintf(stderr, "load: only %llu of %d connections had a response, %llu errors\n",
                (unsigned long long)all.requests, conn_count, (unsigned long long)errors);
        exit(1);
    }
    return (double)(now - begin) / 1e9;
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

    if (turn_count)
        start_turns();
    for (int i = 0; i < conn_count && !turn_count; i++)
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
        for (int i = 0; errors && i < conn_count && !turn_count; i++) {
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

/*
 * Waits until the end of the standard input, so that what the server has used can be read before the
 * connections end. Those that take turns are reset: in TIME_WAIT they would be in the way of the next run.
 */
static void leave(void)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    char line[16];

    puts("end");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin))
        ;
    for (int i = 0; i < conn_count && turn_count; i++) {
        if (conns[i].fd >= 0)
            setsockopt(conns[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
}

int main(int argc, char **argv)
{
    int64_t run_ms = 1000, warm_ms = 0, slice_ms = 0;
    const char *list = NULL;
    double opening = 0;
    struct in_addr from;
    struct rusage before, after;
    char line[16];
    int option;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    while ((option = getopt(argc, argv, "c:d:w:n:t:m:xl:r:a:k:b:q")) != -1) {
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
        case 'k':
            turn_count = atoi(optarg);
            break;
        case 'b':
            if (inet_pton(AF_INET, optarg, &from) != 1) {
                fprintf(stderr, "load: %s is not an IPv4 address\n", optarg);
                return 2;
            }
            bind_first = ntohl(from.s_addr);
            break;
        case 'q':
            for (long long ns; scanf("%lld", &ns) == 1;)
                note(&latency, ns);
            print_quantiles(&latency);
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
        add_requests(list);
    if (count_requests() == 0) {
        fprintf(stderr, "load: no path\n");
        return 2;
    }
    if (turn_count > conn_count || (turn_count && closing)) {
        fprintf(stderr, "load: -k needs as many connections, and that they are kept\n");
        return 2;
    }
    make_conns();
    if (turn_count)
        opening = open_all();
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
    printf("opening %.6f\n", opening);
    print_quantiles(&latency);
    printf("cpu %.6f\n", (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec +
                                  after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                             (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                                      after.ru_stime.tv_usec - before.ru_stime.tv_usec) /
                                 1e6);
    leave();
    return 0;
}
