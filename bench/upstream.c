/* A server for benchmarks: canned answers over HTTP/1.1 on loopback, one epoll thread, no work but copying bytes.
 *
 * What it answers comes on its standard input, made by upstream.py, which also starts it: for each answer one line
 *     STREAM PIECES PAUSE_MS ENDING MARKER
 * and its pieces, each as a line with its size and then so many bytes. A request gets the first answer whose MARKER
 * ("-" for any) stands in its body, and whose STREAM (0, 1) says whether the body asks for a stream. The pieces go out
 * PAUSE_MS apart (an empty first one is a pause before the answer); then the connection stays open (ENDING 0), is closed
 * (1) or reset (2). GET gives counts as JSON. The port is printed on standard output. It ends when its standard
 * input does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ANSWERS = 64, MOST_REQUEST = 64 << 20 };

typedef struct { char *bytes; size_t size; } piece;
typedef struct { int stream, count, pause_ms, ending; char marker[64]; piece *pieces; } answer;
typedef struct connection {
    int fd, waits_to_write;
    char *in; size_t have, room;              /* of requests not answered yet */
    const answer *now; int at; size_t sent;   /* the answer under way, its piece, how much of that is out */
    long due_ms;                              /* when the next piece is; 0 while none waits */
    struct connection *before, *after;
} connection;

static answer answers[MOST_ANSWERS];
static int known, poller;
static unsigned long requests, connections, open_now, left_early;
static connection all;                        /* head of the ring of connections */

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void read_answers(void) {
    answer *a = answers;
    while (known < MOST_ANSWERS && scanf("%d %d %d %d %63s", &a->stream, &a->count, &a->pause_ms, &a->ending, a->marker) == 5) {
        a->pieces = calloc(a->count, sizeof *a->pieces);
        for (int i = 0; i < a->count; i++) {
            piece *p = &a->pieces[i];
            if (scanf("%zu", &p->size) != 1 || getchar() != '\n') exit(2);
            p->bytes = malloc(p->size + 1);
            if (fread(p->bytes, 1, p->size, stdin) != p->size) exit(2);
        }
        known++, a++;
        int next = getchar();                 /* a lone dot ends the list; the input stays open */
        if (next == '.') return;
        ungetc(next, stdin);
    }
}

static void end(connection *c) {
    if (c->now) left_early++;
    c->before->after = c->after, c->after->before = c->before;
    close(c->fd);
    free(c->in);
    free(c);
    open_now--;
}

static void watch(connection *c, int for_room) {
    if (c->waits_to_write == for_room) return;
    c->waits_to_write = for_room;
    struct epoll_event e = {.events = EPOLLIN | (for_room ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

/* Write on; say whether the connection is still there. */
static int go_on(connection *c) {
    while (c->now && !c->due_ms) {
        const answer *a = c->now;
        while (c->at < a->count && c->sent < a->pieces[c->at].size) {
            ssize_t n = send(c->fd, a->pieces[c->at].bytes + c->sent, a->pieces[c->at].size - c->sent, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) return watch(c, 1), 1;
            if (n < 0) return end(c), 0;
            c->sent += n;
        }
        watch(c, 0);
        c->at++, c->sent = 0;
        if (c->at < a->count) {
            if (a->pause_ms) c->due_ms = now_ms() + a->pause_ms;
            continue;
        }
        c->now = NULL;
        if (a->ending == 2) {
            struct linger hard = {1, 0};
            setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        }
        if (a->ending) return end(c), 0;
    }
    return 1;
}

static const answer *choose(const char *body, size_t size) {
    int stream = memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14);
    for (answer *a = answers; a < answers + known; a++)
        if (a->stream == stream && (!strcmp(a->marker, "-") || memmem(body, size, a->marker, strlen(a->marker)))) return a;
    return answers;
}

static void say_counts(connection *c) {
    char body[256], head[512];
    int n = sprintf(body, "{\"requests\":%lu,\"connections\":%lu,\"open\":%lu,\"left_early\":%lu}", requests, connections, open_now, left_early);
    n = sprintf(head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", n, body);
    (void)!send(c->fd, head, n, MSG_NOSIGNAL);
}

/* Answer what has come whole; say whether the connection is still there. */
static int serve(connection *c) {
    while (!c->now) {
        char *end_of_head = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end_of_head) return 1;
        size_t head = end_of_head + 4 - c->in, body = 0;
        *end_of_head = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        if (length) body = strtoul(length + 17, NULL, 10);
        *end_of_head = '\r';
        if (c->have < head + body) return 1;
        if (!strncmp(c->in, "GET", 3)) {
            say_counts(c);
        } else {
            requests++;
            c->now = choose(c->in + head, body), c->at = 0, c->sent = 0;
        }
        c->have -= head + body;
        memmove(c->in, c->in + head + body, c->have);
        if (c->now && !go_on(c)) return 0;
    }
    return 1;
}

static void receive(connection *c) {
    for (;;) {
        if (c->room - c->have < 4096) c->in = realloc(c->in, c->room *= 2);
        ssize_t n = recv(c->fd, c->in + c->have, c->room - c->have - 1, 0);
        if (n > 0 && c->have < MOST_REQUEST) {
            c->have += n, c->in[c->have] = 0;
            continue;
        }
        if (n < 0 && errno == EAGAIN) break;
        end(c);
        return;
    }
    serve(c);
}

static void take(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection *c = calloc(1, sizeof *c);
        c->fd = fd, c->room = 16384, c->in = malloc(c->room);
        c->before = &all, c->after = all.after, all.after->before = c, all.after = c;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
        connections++, open_now++;
    }
}

/* Send the pieces that are due; return how long nothing is, in milliseconds. */
static int send_due(void) {
    long now = now_ms(), soonest = -1;
    for (connection *c = all.after, *next; c != &all; c = next) {
        next = c->after;
        if (c->due_ms && c->due_ms <= now) {
            c->due_ms = 0;
            if (!go_on(c) || !serve(c)) continue;
        }
        if (c->due_ms && (soonest < 0 || c->due_ms < soonest)) soonest = c->due_ms;
    }
    return soonest < 0 ? -1 : soonest > now ? (int)(soonest - now) : 0;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    read_answers();
    all.before = all.after = &all;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), input = 0, on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&address, size) || listen(listener, 4096)) return perror("upstream"), 1;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.ptr = &input;
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    for (;;) {
        int wait_ms = send_due(), count = epoll_wait(poller, events, 512, wait_ms);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &input) return 0;
            if (events[i].data.ptr == &listener) {
                take(listener);
                continue;
            }
            connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT && (!go_on(c) || !serve(c))) continue;
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
        }
    }
}
