/* The limit: the least a chat server can do. All lines of one wake-up go to each reader in one send, without its own.

   It keeps nothing, checks nothing and knows one room; only what a socket did not take is kept, for that reader alone. */

#define _GNU_SOURCE /* accept4 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CLIENTS = 20000, READ = 64 * 1024, EVENTS = 1024, NICK = 32 };

struct client {
    int fd;
    char nick[NICK];            /* empty: not in the room yet */
    size_t own_from, own_to;    /* what of the page is not for it: its own lines (one read a wake-up, so they stand
                                   together), and all before them when it has only just come in */
    char *out;                  /* what its socket did not take */
    size_t out_length, out_size;
    char *rest;                 /* a line whose end has not come */
    size_t rest_length;
    bool gone;
};

static struct client *clients[CLIENTS];
static int client_count, poll_fd;
static char *page; /* all lines of this wake-up */
static size_t page_length, page_size;

static void check(bool good, const char *what) {
    if (good) return;
    perror(what);
    exit(1);
}

static void grow(char **bytes, size_t *size, size_t need) {
    if (need <= *size) return;
    *size = 2 * need;
    *bytes = realloc(*bytes, *size);
    check(*bytes, "memory");
}

static void watch(struct client *client, int change, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    check(!epoll_ctl(poll_fd, change, client->fd, &event), "epoll_ctl");
}

static void keep(struct client *client, const char *bytes, size_t length) {
    if (!client->out_length) watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    grow(&client->out, &client->out_size, client->out_length + length);
    memcpy(client->out + client->out_length, bytes, length);
    client->out_length += length;
}

/* Two pieces, since a reader's own lines may stand between them. */
static void give(struct client *client, const char *one, size_t one_length, const char *two, size_t two_length) {
    ssize_t taken = 0;
    if (!client->out_length && one_length + two_length) {
        struct iovec pieces[] = {{(void *)one, one_length}, {(void *)two, two_length}};
        taken = sendmsg(client->fd, &(struct msghdr){.msg_iov = pieces, .msg_iovlen = 2}, MSG_NOSIGNAL);
        if (taken < 0 && errno != EAGAIN) client->gone = true;
        if (taken < 0) taken = 0;
    }
    size_t of_one = (size_t)taken < one_length ? (size_t)taken : one_length, of_two = taken - of_one;
    if (client->gone) return;
    if (of_one < one_length) keep(client, one + of_one, one_length - of_one);
    if (of_two < two_length) keep(client, two + of_two, two_length - of_two);
}

static void drain(struct client *client) {
    ssize_t taken = send(client->fd, client->out, client->out_length, MSG_NOSIGNAL);
    if (taken < 0) {
        client->gone = errno != EAGAIN;
        return;
    }
    memmove(client->out, client->out + taken, client->out_length -= taken);
    if (!client->out_length) watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

static void welcome(struct client *client, const char *line, size_t length) {
    char words[64];
    int size = snprintf(client->nick, NICK, "%.*s", (int)length, line);
    check(size > 0 && size < NICK, "nickname");
    give(client, words, snprintf(words, sizeof words, "* You are %s\r\n", client->nick), "", 0);
    page_length += sprintf(page + page_length, "* %s joined\r\n", client->nick);
}

static void line_received(struct client *client, const char *line, size_t length) {
    if (length && line[length - 1] == '\r') length--;
    grow(&page, &page_size, page_length + length + 2 * NICK);
    if (!*client->nick) return welcome(client, line, length);
    size_t nick = strlen(client->nick);
    char *at = page + page_length;
    memcpy(at, client->nick, nick);
    memcpy(at + nick, ": ", 2);
    memcpy(at + nick + 2, line, length);
    memcpy(at + nick + 2 + length, "\r\n", 2);
    page_length += nick + length + 4;
}

static void take(struct client *client) {
    static char buffer[2 * READ];
    memcpy(buffer, client->rest, client->rest_length);
    ssize_t got = recv(client->fd, buffer + client->rest_length, READ, 0);
    if (got <= 0) {
        client->gone = !got || errno != EAGAIN;
        return;
    }
    const char *line = buffer, *limit = buffer + client->rest_length + got, *feed;
    client->own_from = *client->nick ? page_length : 0;
    for (; (feed = memchr(line, '\n', limit - line)); line = feed + 1) line_received(client, line, feed - line);
    client->own_to = page_length;
    client->rest_length = limit - line;
    check(client->rest_length < READ, "a line too long");
    client->rest = realloc(client->rest, client->rest_length + 1);
    check(client->rest, "memory");
    memcpy(client->rest, line, client->rest_length);
}

static void greet(int listener) {
    static const char greeting[] = "* Your nickname, please.\r\n";
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct client *client = calloc(1, sizeof *client);
        check(client && client_count < CLIENTS, "clients");
        client->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
        clients[client_count++] = client;
        give(client, greeting, sizeof greeting - 1, "", 0);
    }
}

/* The page to everyone in the room, and whoever has gone out of it. */
static void fan_out(void) {
    for (int i = client_count; i--;) {
        struct client *client = clients[i];
        if (!client->gone && *client->nick)
            give(client, page, client->own_from, page + client->own_to, page_length - client->own_to);
        client->own_from = client->own_to = 0;
        if (!client->gone) continue;
        clients[i] = clients[--client_count];
        close(client->fd);
        free(client->out);
        free(client->rest);
        free(client);
    }
    page_length = 0;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    check(!bind(listener, (struct sockaddr *)&address, sizeof address) && !listen(listener, 4096), "listen");
    poll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    check(!epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) greet(listener);
            else if (events[i].events & EPOLLOUT) drain(client);
            if (client && !client->gone && events[i].events & ~EPOLLOUT) take(client);
        }
        fan_out();
    }
}
