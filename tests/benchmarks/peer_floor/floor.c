/* The least that a machine can do to fan out: one process that only writes to sockets, one write per delivery.
 *
 * GET: an event stream; a Last-Event-ID is resumed from what is kept. POST: its body becomes an event of every stream.
 * No parsing to speak of, no authentication, no database: what this needs, everybody needs.
 *
 *     cc -O2 -o floor floor.c && ./floor PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, KEPT = 256, LARGEST = 65536 };

static char *pending[MOST];
static int length_of[MOST];
static int streams[MOST], place_of[MOST], open_streams;
static char *kept[KEPT];
static int kept_length[KEPT];
static long last;

static void leave(int fd) {
    if (place_of[fd]) {
        int place = place_of[fd] - 1, moved = streams[--open_streams];
        streams[place] = moved;
        place_of[moved] = place + 1;
        place_of[fd] = 0;
    }
    free(pending[fd]);
    pending[fd] = NULL;
    length_of[fd] = 0;
    close(fd);
}

/* A stream that does not take what it is sent is ended: this program keeps no queues. */
static int sent(int fd, const char *text, int length) {
    return send(fd, text, length, MSG_NOSIGNAL) == length;
}

static void publish(const char *body, int length) {
    int slot = ++last % KEPT;
    free(kept[slot]);
    kept[slot] = malloc(length + 64);
    kept_length[slot] = sprintf(kept[slot], "id: %ld\ndata: %.*s\n\n", last, length, body);
    for (int place = open_streams; place-- > 0;)
        if (!sent(streams[place], kept[slot], kept_length[slot])) leave(streams[place]);
}

static int begin_stream(int fd, char *head) {
    static const char opening[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hi\n\n";
    char *resumed = strcasestr(head, "\r\nLast-Event-ID:");
    if (!sent(fd, opening, sizeof opening - 1)) return 0;
    for (long from = resumed ? atol(resumed + 16) + 1 : last + 1; from <= last; from++)
        if (from > last - KEPT && !sent(fd, kept[from % KEPT], kept_length[from % KEPT])) return 0;
    streams[open_streams++] = fd;
    place_of[fd] = open_streams;
    return 1;
}

/* Takes the whole requests out of what a connection has sent; 0: the connection is at its end. */
static int obey(int fd) {
    static const char done[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (;;) {
        char *text = pending[fd], *end = strstr(text, "\r\n\r\n");
        if (!end) return length_of[fd] < LARGEST;
        if (!strncmp(text, "GET ", 4)) return begin_stream(fd, text);
        char *field = strcasestr(text, "\r\nContent-Length:");
        int body = field && field < end ? atoi(field + 17) : 0, whole = end + 4 - text + body;
        if (body < 0 || body > LARGEST / 2) return 0;
        if (length_of[fd] < whole) return 1;
        if (body) publish(end + 4, body);
        if (!sent(fd, done, sizeof done - 1)) return 0;
        length_of[fd] -= whole;
        memmove(text, text + whole, length_of[fd] + 1);
    }
}

static int take(int fd) {
    if (!pending[fd]) pending[fd] = calloc(1, LARGEST + 1);
    int got = recv(fd, pending[fd] + length_of[fd], LARGEST - length_of[fd], 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    if (place_of[fd]) return 1;
    length_of[fd] += got;
    pending[fd][length_of[fd]] = 0;
    int going_on = obey(fd);
    if (going_on && (place_of[fd] || !length_of[fd])) {
        free(pending[fd]);
        pending[fd] = NULL;
        length_of[fd] = 0;
    }
    return going_on;
}

int main(int count, char **arguments) {
    struct rlimit files;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ready[256], wanted = {.events = EPOLLIN};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    if (count != 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_port = htons(atoi(arguments[1]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    wanted.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int number = epoll_wait(poller, ready, 256, -1);
        for (int at = 0; at < number; at++) {
            int fd = ready[at].data.fd;
            if (fd != listener) {
                if (!take(fd)) leave(fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MOST) { close(fd); continue; }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                wanted.data.fd = fd;
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
            }
        }
    }
}
