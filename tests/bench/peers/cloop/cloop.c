/*
 * cloop.c: the least that a server can do. One thread, one epoll; no parsing: whatever arrives is
 * taken for one request, and the response is always the same header and the same file. It is the
 * floor that a server which does its work is measured against.
 *
 *     cloop [-a ADDRESS] [-k] [-d] [-m] [-r] [-u] PORT FILE
 *
 *     -k  keep connections    -d  TCP_DEFER_ACCEPT    -m  one send from memory, no sendfile
 *     -r  the file is read into memory and sent from there, a block at a time: one block for all,
 *         which never leaves the processor's cache, so that nothing copies for less
 *     -u  congestion control reno, which does not pace
 *
 * A connection is accepted, received from at once, and given to epoll only when there is nothing to
 * receive yet or no room for the response.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 512,
    FDS_MAX = 65536,
    HEADER_SIZE = 128,
    ACCEPTS_MAX = 64,
    BLOCK_SIZE = 128 << 10
};

static struct {
    bool watched;
    bool sending; /* a response is under way */
    int64_t at;   /* bytes of header and file that are gone */
} conns[FDS_MAX];

static char header[HEADER_SIZE], *whole;
static int64_t header_len, file_len;
static int epfd, file;
static char block[BLOCK_SIZE] __attribute__((aligned(4096)));
static bool keep, memory, copies;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void hang_up(int fd)
{
    conns[fd].watched = conns[fd].sending = false;
    close(fd);
}

static void watch(int fd, uint32_t mask)
{
    struct epoll_event ev = {.events = mask, .data.fd = fd};

    if (epoll_ctl(epfd, conns[fd].watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) < 0)
        fail("epoll_ctl");
    conns[fd].watched = true;
}

/* Reads a block of the file and sends it. What has no room is read again. */
static ssize_t copy_block(int fd, off_t off)
{
    ssize_t n = pread(file, block, sizeof(block), off);

    if (n <= 0)
        return n;
    return send(fd, block, (size_t)n, MSG_NOSIGNAL | (off + n < file_len ? MSG_MORE : 0));
}

/* Sends what is missing of a response; true when all of it is gone. */
static bool respond(int fd)
{
    int64_t all = header_len + file_len;

    while (conns[fd].at < all) {
        int64_t at = conns[fd].at;
        off_t off = at - header_len;
        ssize_t n;

        if (memory)
            n = send(fd, whole + at, (size_t)(all - at), MSG_NOSIGNAL);
        else if (at < header_len)
            n = send(fd, header + at, (size_t)(header_len - at), MSG_NOSIGNAL | MSG_MORE);
        else if (copies)
            n = copy_block(fd, off);
        else
            n = sendfile(fd, file, &off, (size_t)(all - at));
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            hang_up(fd);
            return false;
        }
        conns[fd].at += n;
    }
    return true;
}

/* What there is to do for a connection. */
static void serve(int fd)
{
    char request[8192];
    bool waited = conns[fd].sending;

    if (!conns[fd].sending) {
        ssize_t n = recv(fd, request, sizeof(request), 0);

        if (n < 0 && errno == EAGAIN) {
            if (!conns[fd].watched)
                watch(fd, EPOLLIN);
            return;
        }
        if (n <= 0) {
            hang_up(fd);
            return;
        }
        conns[fd].at = 0;
        conns[fd].sending = true;
    }
    if (!respond(fd)) {
        if (conns[fd].sending && !waited)
            watch(fd, EPOLLOUT);
        return;
    }
    if (!keep) {
        hang_up(fd);
        return;
    }
    conns[fd].sending = false;
    if (waited || !conns[fd].watched)
        watch(fd, EPOLLIN);
}

static int listen_at(struct in_addr host, uint16_t port, bool defer, bool unpaced)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (defer)
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
    if (unpaced && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0)
        fail("TCP_CONGESTION");
    at.sin_addr = host;
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        fail("bind");
    if (listen(fd, 65535) < 0)
        fail("listen");
    return fd;
}

static void load(const char *name)
{
    struct stat st;

    file = open(name, O_RDONLY);
    if (file < 0 || fstat(file, &st) < 0)
        fail(name);
    file_len = st.st_size;
    header_len = snprintf(header, sizeof(header),
                          "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: %s\r\n\r\n",
                          (long long)file_len, keep ? "keep-alive" : "close");
    whole = malloc((size_t)(header_len + file_len));
    if (!whole)
        fail("malloc");
    memcpy(whole, header, (size_t)header_len);
    if (pread(file, whole + header_len, (size_t)file_len, 0) != file_len)
        fail("pread");
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    bool defer = false, unpaced = false;
    struct in_addr host = {.s_addr = htonl(INADDR_LOOPBACK)};
    int option, listener;

    while ((option = getopt(argc, argv, "a:kdmru")) != -1) {
        switch (option) {
        case 'a':
            if (inet_pton(AF_INET, optarg, &host) != 1)
                return 2;
            break;
        case 'k':
            keep = true;
            break;
        case 'd':
            defer = true;
            break;
        case 'm':
            memory = true;
            break;
        case 'r':
            copies = true;
            break;
        case 'u':
            unpaced = true;
            break;
        default:
            return 2;
        }
    }
    if (argc - optind != 2) {
        fprintf(stderr, "cloop [-a ADDRESS] [-k] [-d] [-m] [-r] [-u] PORT FILE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    load(argv[optind + 1]);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_at(host, (uint16_t)atoi(argv[optind]), defer, unpaced);
    watch(listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epfd, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd != listener) {
                serve(fd);
                continue;
            }
            for (int j = 0; j < ACCEPTS_MAX; j++) {
                int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

                if (peer < 0)
                    break;
                if (peer >= FDS_MAX) {
                    close(peer);
                    continue;
                }
                conns[peer].watched = conns[peer].sending = false;
                serve(peer);
            }
        }
    }
}
