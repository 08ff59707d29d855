/*
 * server.c: the reference server of the cross-check.
 *
 * A plain asynchronous web server in the style of the classic C teaching server that aws replaces,
 * written from the original's description alone: one process, one thread, one level-triggered
 * epoll, one struct for each connection with a state in it.  Files below ./static/ leave by
 * sendfile; files below ./dynamic/ are loaded whole, by libaio, into a list of buffers that are
 * then sent one by one. The tests send the same requests to this server and to aws and compare the
 * responses; where the two are meant to differ, the table of tests/crosscheck says so.
 *
 *     server [PORT]      serves the current directory; port 8888, or $PORT, unless stated otherwise;
 *                        port 0 lets the system choose.  Prints "listening on 127.0.0.1:PORT".
 *
 * Known weaknesses, kept because the servers that it stands for have them:
 *
 * - ".." and symbolic links lead out of the directory that is served.
 * - %-escapes are not decoded; a path is taken as it stands, up to a '?'.
 * - The request is not checked: any method is answered as GET is (HEAD without a body), the version
 *   and the header lines are not looked at.
 * - A request head has to fit 8 KiB; a longer one is answered 404 and what follows it is not read.
 * - A connection that sends no request stays for ever; so does one whose request holds a NUL byte.
 * - Every dynamic connection sets up an AIO context of its own; when the system has none left, the
 *   connection is closed without a response.
 * - A dynamic file is held in memory whole, and reads of files that are not in the page cache stop
 *   the loop: io_submit and sendfile wait for the disk.
 * - SIGTERM ends it at once, in the middle of whatever it sends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 8888,
    BACKLOG = 1024,
    REQUEST_SIZE = 8192,
    HEADER_SIZE = 1024,
    BUFFER_SIZE = 128 * 1024,
    EVENTS_MAX = 64, /* completions taken from libaio at once */
};

static const char static_prefix[] = "/static/";
static const char dynamic_prefix[] = "/dynamic/";

enum state {
    CONN_INIT,          /* accepted, nothing received */
    CONN_READING,       /* a part of the request has arrived */
    CONN_WREADY,        /* the request is complete, the header is being sent */
    CONN_SENDING,       /* the body is being sent */
    CONN_READING_ASYNC, /* the file is being loaded */
};

enum resource { RESOURCE_NONE, RESOURCE_STATIC, RESOURCE_DYNAMIC };

/* What an event belongs to: epoll hands back a pointer to one of these. */
enum source_kind { SOURCE_LISTENER, SOURCE_SOCKET, SOURCE_AIO };

struct connection;

struct source {
    enum source_kind kind;
    struct connection *conn;
};

/* One piece of a dynamic file. */
struct buffer {
    char *data;
    size_t size;   /* bytes of the file that belong here */
    size_t loaded; /* bytes that have arrived */
    struct iocb iocb;
};

struct connection {
    enum state state;
    int socket;
    struct source socket_source;
    struct source aio_source;

    char request[REQUEST_SIZE + 1];
    size_t request_size;

    enum resource resource;
    bool head_only;
    int file;
    off_t file_size;
    off_t file_sent; /* static files: how far sendfile has come */

    /* What send_message sends: the header first, then each buffer of a dynamic file. */
    const char *write_buff;
    size_t write_size;
    size_t write_sent;
    char header[HEADER_SIZE];

    io_context_t context;
    int event_fd;
    struct buffer *buffers;
    struct iocb **submissions; /* iocbs that wait to be submitted */
    size_t submission_count;
    size_t buffer_count;
    size_t buffers_loaded;
    size_t buffers_in_flight;
    size_t buffers_sent;
};

/* How a step of a connection ended. */
enum progress {
    PROGRESS_WAIT, /* until epoll says more */
    PROGRESS_NEXT, /* the state changed: take the next step at once */
    PROGRESS_DONE, /* close the connection */
};

static int epoll_fd;

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void connection_watch(struct connection *conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &conn->socket_source};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->socket, &event) < 0)
        die("epoll_ctl");
}

static void connection_create(int socket)
{
    struct connection *conn = calloc(1, sizeof(*conn));
    struct epoll_event event = {.events = EPOLLIN};

    if (conn == NULL) {
        close(socket);
        return;
    }
    conn->state = CONN_INIT;
    conn->socket = socket;
    conn->socket_source = (struct source){SOURCE_SOCKET, conn};
    conn->aio_source = (struct source){SOURCE_AIO, conn};
    conn->file = -1;
    conn->event_fd = -1;
    event.data.ptr = &conn->socket_source;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, socket, &event) < 0)
        die("epoll_ctl");
}

/* io_destroy waits for the reads in flight, so their buffers may be freed after it. */
static void connection_destroy(struct connection *conn)
{
    size_t i;

    if (conn->context != NULL)
        io_destroy(conn->context);
    if (conn->event_fd >= 0)
        close(conn->event_fd);
    if (conn->file >= 0)
        close(conn->file);
    close(conn->socket);
    for (i = 0; i < conn->buffer_count; i++)
        free(conn->buffers[i].data);
    free(conn->buffers);
    free(conn->submissions);
    free(conn);
}

/* Opens what the request line names, if that is a regular file in one of the two directories. */
static void open_resource(struct connection *conn, const char *path)
{
    enum resource resource = RESOURCE_NONE;
    struct stat info;
    int fd;

    if (strncmp(path, static_prefix, strlen(static_prefix)) == 0)
        resource = RESOURCE_STATIC;
    else if (strncmp(path, dynamic_prefix, strlen(dynamic_prefix)) == 0)
        resource = RESOURCE_DYNAMIC;
    else
        return;

    fd = open(path + 1, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return;
    }
    conn->resource = resource;
    conn->file = fd;
    conn->file_size = info.st_size;
}

static const char *content_type(const char *path)
{
    static const struct {
        const char *suffix;
        const char *type;
    } known[] = {
        {".html", "text/html"},     {".txt", "text/plain"}, {".css", "text/css"},
        {".js", "text/javascript"}, {".png", "image/png"},  {".jpg", "image/jpeg"},
    };
    const char *suffix = strrchr(path, '.');
    size_t i;

    for (i = 0; suffix != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(suffix, known[i].suffix) == 0)
            return known[i].type;
    }
    return "application/octet-stream";
}

static void append(struct connection *conn, const char *format, ...)
{
    size_t room = sizeof(conn->header) - conn->write_size;
    va_list list;

    va_start(list, format);
    conn->write_size += (size_t)vsnprintf(conn->header + conn->write_size, room, format, list);
    va_end(list);
}

static void append_date(struct connection *conn, const char *name, time_t when)
{
    char text[64];
    struct tm tm;

    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &tm));
    append(conn, "%s: %s\r\n", name, text);
}

static void prepare_header(struct connection *conn, const char *path)
{
    bool found = conn->resource != RESOURCE_NONE;
    struct stat info;

    conn->write_buff = conn->header;
    conn->write_size = 0;
    conn->write_sent = 0;
    append(conn, "HTTP/1.1 %s\r\n", found ? "200 OK" : "404 Not Found");
    append_date(conn, "Date", time(NULL));
    append(conn, "Server: reference\r\n");
    if (found && fstat(conn->file, &info) == 0)
        append_date(conn, "Last-Modified", info.st_mtime);
    append(conn, "Content-Length: %jd\r\n", (intmax_t)conn->file_size);
    if (found)
        append(conn, "Content-Type: %s\r\n", content_type(path));
    append(conn, "Connection: close\r\n\r\n");
}

/* Takes the first line, "METHOD PATH ...", apart in place. */
static void parse_request(struct connection *conn)
{
    char *rest = NULL;
    char *method;
    char *path;

    conn->request[strcspn(conn->request, "\r\n")] = '\0';
    method = strtok_r(conn->request, " ", &rest);
    path = strtok_r(NULL, " ?", &rest);

    conn->head_only = method != NULL && strcasecmp(method, "HEAD") == 0;
    if (path != NULL)
        open_resource(conn, path);
    prepare_header(conn, path != NULL ? path : "");
}

static enum progress receive_request(struct connection *conn)
{
    size_t room = REQUEST_SIZE - conn->request_size;
    ssize_t count = recv(conn->socket, conn->request + conn->request_size, room, 0);

    if (count < 0 && would_block())
        return PROGRESS_WAIT;
    if (count <= 0)
        return PROGRESS_DONE;
    conn->state = CONN_READING;
    conn->request_size += (size_t)count;
    conn->request[conn->request_size] = '\0';

    if (strstr(conn->request, "\r\n\r\n") != NULL || strstr(conn->request, "\n\n") != NULL)
        parse_request(conn);
    else if (conn->request_size == REQUEST_SIZE)
        prepare_header(conn, "");
    else
        return PROGRESS_WAIT;
    conn->state = CONN_WREADY;
    connection_watch(conn, EPOLLOUT);
    return PROGRESS_NEXT;
}

/* Sends what is left of conn->write_buff, the header or a buffer; PROGRESS_NEXT when all is gone.
 */
static enum progress send_message(struct connection *conn)
{
    while (conn->write_sent < conn->write_size) {
        ssize_t count = send(conn->socket, conn->write_buff + conn->write_sent,
                             conn->write_size - conn->write_sent, 0);

        if (count < 0)
            return would_block() ? PROGRESS_WAIT : PROGRESS_DONE;
        conn->write_sent += (size_t)count;
    }
    return PROGRESS_NEXT;
}

static enum progress send_static(struct connection *conn)
{
    while (conn->file_sent < conn->file_size) {
        ssize_t count = sendfile(conn->socket, conn->file, &conn->file_sent,
                                 (size_t)(conn->file_size - conn->file_sent));

        if (count < 0)
            return would_block() ? PROGRESS_WAIT : PROGRESS_DONE;
        if (count == 0) /* the file shrank */
            return PROGRESS_DONE;
    }
    return PROGRESS_DONE;
}

static void use_buffer(struct connection *conn, const struct buffer *buffer)
{
    conn->write_buff = buffer->data;
    conn->write_size = buffer->size;
    conn->write_sent = 0;
}

static enum progress send_dynamic(struct connection *conn)
{
    while (conn->buffers_sent < conn->buffer_count) {
        enum progress progress = send_message(conn);

        if (progress != PROGRESS_NEXT)
            return progress;
        conn->buffers_sent++;
        if (conn->buffers_sent < conn->buffer_count)
            use_buffer(conn, &conn->buffers[conn->buffers_sent]);
    }
    return PROGRESS_DONE;
}

/* Puts the rest of a buffer on the list of what is to be submitted. */
static void queue_read(struct connection *conn, struct buffer *buffer)
{
    off_t offset = (off_t)(buffer - conn->buffers) * BUFFER_SIZE + (off_t)buffer->loaded;

    io_prep_pread(&buffer->iocb, conn->file, buffer->data + buffer->loaded,
                  buffer->size - buffer->loaded, offset);
    io_set_eventfd(&buffer->iocb, conn->event_fd);
    buffer->iocb.data = buffer;
    conn->submissions[conn->submission_count++] = &buffer->iocb;
}

/* Submits as much as the kernel takes; the rest waits for the next completion. */
static bool submit_reads(struct connection *conn)
{
    while (conn->submission_count > 0) {
        int count = io_submit(conn->context, (long)conn->submission_count, conn->submissions);

        if (count == -EINTR)
            continue;
        if (count == -EAGAIN || count == 0)
            return conn->buffers_in_flight > 0;
        if (count < 0)
            return false;
        conn->buffers_in_flight += (size_t)count;
        conn->submission_count -= (size_t)count;
        memmove(conn->submissions, conn->submissions + count,
                conn->submission_count * sizeof(struct iocb *));
    }
    return true;
}

static bool allocate_buffers(struct connection *conn)
{
    size_t size = (size_t)conn->file_size;
    size_t i;

    conn->buffer_count = (size + BUFFER_SIZE - 1) / BUFFER_SIZE;
    conn->buffers = calloc(conn->buffer_count, sizeof(struct buffer));
    conn->submissions = calloc(conn->buffer_count, sizeof(struct iocb *));
    if (conn->buffers == NULL || conn->submissions == NULL) {
        conn->buffer_count = 0;
        return false;
    }
    for (i = 0; i < conn->buffer_count; i++) {
        struct buffer *buffer = &conn->buffers[i];
        size_t left = size - i * BUFFER_SIZE;

        buffer->size = left < BUFFER_SIZE ? left : BUFFER_SIZE;
        buffer->data = malloc(buffer->size);
        if (buffer->data == NULL)
            return false;
    }
    return true;
}

/* Starts to load the whole file: the connection is deaf to its socket until that is done. */
static enum progress start_loading(struct connection *conn)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &conn->aio_source};
    size_t i;

    if (!allocate_buffers(conn) || io_setup((int)conn->buffer_count, &conn->context) < 0)
        return PROGRESS_DONE;
    conn->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (conn->event_fd < 0)
        return PROGRESS_DONE;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->event_fd, &event) < 0)
        return PROGRESS_DONE;
    for (i = 0; i < conn->buffer_count; i++)
        queue_read(conn, &conn->buffers[i]);
    if (!submit_reads(conn))
        return PROGRESS_DONE;
    conn->state = CONN_READING_ASYNC;
    connection_watch(conn, 0);
    return PROGRESS_WAIT;
}

/* Takes in one completion; false when the file can't be had. */
static bool complete_read(struct connection *conn, const struct io_event *event)
{
    struct buffer *buffer = event->data;
    long result = (long)event->res;

    conn->buffers_in_flight--;
    if (result <= 0)
        return false;
    buffer->loaded += (size_t)result;
    if (buffer->loaded < buffer->size)
        queue_read(conn, buffer);
    else
        conn->buffers_loaded++;
    return true;
}

static enum progress continue_loading(struct connection *conn)
{
    struct io_event events[EVENTS_MAX];
    struct timespec no_time = {0, 0};
    uint64_t ignored;
    int count;
    int i;

    if (read(conn->event_fd, &ignored, sizeof(ignored)) < 0 && !would_block())
        return PROGRESS_DONE;
    do {
        count = io_getevents(conn->context, 0, EVENTS_MAX, events, &no_time);
        for (i = 0; i < count; i++) {
            if (!complete_read(conn, &events[i]))
                return PROGRESS_DONE;
        }
    } while (count == EVENTS_MAX || count == -EINTR);
    if (count < 0 || !submit_reads(conn))
        return PROGRESS_DONE;
    if (conn->buffers_loaded < conn->buffer_count)
        return PROGRESS_WAIT;

    use_buffer(conn, &conn->buffers[0]);
    conn->state = CONN_SENDING;
    connection_watch(conn, EPOLLOUT);
    return PROGRESS_NEXT;
}

static enum progress send_header(struct connection *conn)
{
    enum progress progress = send_message(conn);

    if (progress != PROGRESS_NEXT)
        return progress;
    if (conn->resource == RESOURCE_NONE || conn->head_only || conn->file_size == 0)
        return PROGRESS_DONE;
    if (conn->resource == RESOURCE_DYNAMIC)
        return start_loading(conn);
    conn->state = CONN_SENDING;
    return PROGRESS_NEXT;
}

static enum progress connection_step(struct connection *conn)
{
    switch (conn->state) {
    case CONN_INIT:
    case CONN_READING:
        return receive_request(conn);
    case CONN_WREADY:
        return send_header(conn);
    case CONN_SENDING:
        return conn->resource == RESOURCE_STATIC ? send_static(conn) : send_dynamic(conn);
    case CONN_READING_ASYNC:
        return continue_loading(conn);
    }
    return PROGRESS_DONE;
}

static void connection_event(const struct source *source, uint32_t events)
{
    struct connection *conn = source->conn;
    enum progress progress = PROGRESS_NEXT;

    /* Nobody listens to the socket while the file is loaded, so this can only be its end. */
    if (conn->state == CONN_READING_ASYNC && source->kind == SOURCE_SOCKET)
        progress = (events & (EPOLLERR | EPOLLHUP)) != 0 ? PROGRESS_DONE : PROGRESS_WAIT;
    while (progress == PROGRESS_NEXT)
        progress = connection_step(conn);
    if (progress == PROGRESS_DONE)
        connection_destroy(conn);
}

static void accept_connection(int listener)
{
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (socket >= 0)
        connection_create(socket);
    else if (!would_block() && errno != ECONNABORTED)
        die("accept4");
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_ANY),
    };
    socklen_t address_size = sizeof(address);
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
        die("setsockopt");
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("bind");
    if (listen(fd, BACKLOG) < 0)
        die("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &address_size) < 0)
        die("getsockname");
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static uint16_t choose_port(int argc, char *argv[])
{
    const char *text = argc > 1 ? argv[1] : getenv("PORT");
    unsigned long port;
    char *end;

    if (text == NULL)
        return DEFAULT_PORT;
    port = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || port > UINT16_MAX) {
        fprintf(stderr, "usage: %s [PORT]\n", argv[0]);
        exit(2);
    }
    return (uint16_t)port;
}

int main(int argc, char *argv[])
{
    static struct source listener_source = {SOURCE_LISTENER, NULL};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener_source};
    int listener = listen_on(choose_port(argc, argv));

    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die("epoll_create1");
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll_ctl");

    /* One event at a time: a second one could belong to a connection that the first has ended. */
    for (;;) {
        int count = epoll_wait(epoll_fd, &event, 1, -1);

        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        if (count <= 0)
            continue;
        if (event.data.ptr == &listener_source)
            accept_connection(listener);
        else
            connection_event(event.data.ptr, event.events);
    }
}
