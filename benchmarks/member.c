/* One person in the room: joins over the line protocol or IRC, says lines, and hands what it hears to check.c. */

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ = 256 * 1024, /* taken from a socket at once */
    EVENTS = 256,      /* sockets looked after before the senders get their turn */
};

uint64_t told_in_all, told_at;

static struct member *members;
static struct place place;
static int poll_fd;

void members_open(unsigned count, struct place where) {
    members = take(count, sizeof *members);
    place = where;
    poll_fd = epoll_create1(0);
    if (poll_fd < 0) fail("epoll_create1");
}

struct member *member(unsigned number) { return &members[number]; }

static void watch(struct member *who, int change, bool wants_out) {
    struct epoll_event event = {.events = EPOLLIN | (wants_out ? EPOLLOUT : 0), .data.ptr = who};
    if (epoll_ctl(poll_fd, change, who->fd, &event)) fail("epoll_ctl");
    who->wants_out = wants_out;
}

/* A stalled member reads nothing. */
void member_stall(struct member *who, bool stalled) { watch(who, stalled ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, false); }

static void out(struct member *who, const char *bytes, size_t length) {
    if (who->out_length + length > who->out_size) {
        who->out_size = 2 * (who->out_length + length);
        who->out = realloc(who->out, who->out_size);
        if (!who->out) fail("memory");
    }
    memcpy(who->out + who->out_length, bytes, length);
    who->out_length += length;
}

/* Connects (the time of a round trip on loopback) and says who it is; INSIDE when the server has answered. */
void member_join(unsigned number, int receive_buffer) {
    struct member *who = &members[number];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(place.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    who->number = number;
    who->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (who->fd < 0) fail("socket");
    if (receive_buffer) setsockopt(who->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    setsockopt(who->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(who->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    if (fcntl(who->fd, F_SETFL, O_NONBLOCK)) fail("fcntl");
    watch(who, EPOLL_CTL_ADD, false);
    who->state = JOINING;

    char hello[128], room[16] = "#lobby";
    if (place.room_size) snprintf(room, sizeof room, "#room%u", number / place.room_size);
    const char *words = place.irc ? "NICK u%04u\r\nUSER u 0 * :u\r\nJOIN %s\r\n" : "u%04u\r\n";
    out(who, hello, snprintf(hello, sizeof hello, words, number, room));
    member_flush(who);
}

static void digits(char *where, int count, uint64_t number) {
    for (; count--; number /= 10) where[count] = '0' + number % 10;
}

void member_say(struct member *who, uint32_t message, uint64_t stamp) {
    static char line[TEXT + 2] = "~";
    line[NUMBER_AT - 1] = line[STAMP_AT - 1] = line[PADDING_AT - 1] = ' ';
    digits(line + SENDER_AT, 8, who->number);
    digits(line + NUMBER_AT, 8, message);
    digits(line + STAMP_AT, 16, stamp);
    memcpy(line + PADDING_AT, padding, TEXT - PADDING_AT);
    memcpy(line + TEXT, "\r\n", 2);
    if (place.irc) out(who, "PRIVMSG #lobby :", 16);
    out(who, line, sizeof line);
}

/* Takes it out of the room; its number can not come back. */
void member_leave(struct member *who) {
    if (who->state == INSIDE) check_leaves(who);
    who->state = GONE;
    close(who->fd);
}

static void cut_off(struct member *who) {
    tally.cut_off++;
    member_leave(who);
}

void member_flush(struct member *who) {
    if (who->state == GONE || !who->out_length) return;
    ssize_t taken = send(who->fd, who->out, who->out_length, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) return cut_off(who);
    if (taken > 0) memmove(who->out, who->out + taken, who->out_length -= taken);
    bool wants_out = who->out_length > 0;
    if (wants_out != who->wants_out) watch(who, EPOLL_CTL_MOD, wants_out);
}

static bool begins(const char *line, const char *end, const char *words) {
    size_t length = strlen(words);
    return (size_t)(end - line) >= length && !memcmp(line, words, length);
}

static void told(struct member *who, unsigned names) {
    who->told += names;
    told_in_all += names;
    told_at = now_ns();
}

/* How many people "* bob joined", "* bob and carol joined" or "* bob, carol and 34 others joined" names. */
static unsigned names_in(const char *line, const char *end) {
    unsigned names = 1;
    for (const char *at = line; at < end; at++) {
        if (*at == ',' || begins(at, end, " and ")) names++;
        if (begins(at, end, " and ") && at[5] >= '0' && at[5] <= '9') names += atoi(at + 5) - 1;
    }
    return names;
}

static void enters(struct member *who) {
    if (who->state != JOINING) return;
    who->state = INSIDE;
    check_enters(who);
}

static void hears_text(struct member *who, const char *line, const char *end) {
    if (!begins(line, end, "* ")) return;
    if (begins(line, end, "* You are ")) enters(who);
    else if (end - line > 9 && begins(end - 7, end, " joined")) told(who, names_in(line + 2, end));
}

static void hears_irc(struct member *who, const char *line, const char *end) {
    if (begins(line, end, "PING ")) {
        out(who, "PONG ", 5);
        out(who, line + 5, end - line - 5);
        out(who, "\r\n", 2);
        return member_flush(who);
    }
    const char *verb = memchr(line, ' ', end - line);
    if (!verb) return;
    if (begins(verb, end, " 366 ")) enters(who);
    if (!begins(verb, end, " JOIN ")) return;
    char own[16];
    snprintf(own, sizeof own, ":u%04u!", who->number);
    if (!begins(line, end, own)) told(who, 1);
}

static void hears(struct member *who, const char *line, const char *end, uint64_t now) {
    if (end - line > TEXT + NICK && end[-TEXT] == '~') check_hears(who, line + place.irc, end - TEXT, now);
    else if (place.irc) hears_irc(who, line, end);
    else hears_text(who, line, end);
}

static void member_read(struct member *who) {
    static char buffer[REST + READ];
    memcpy(buffer, who->rest, who->rest_length);
    ssize_t got = recv(who->fd, buffer + who->rest_length, READ, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return cut_off(who);
    uint64_t now = now_ns();
    const char *line = buffer, *limit = buffer + who->rest_length + got, *feed;
    for (; (feed = memchr(line, '\n', limit - line)); line = feed + 1)
        hears(who, line, feed - (feed > line && feed[-1] == '\r'), now);
    who->rest_length = limit - line < REST ? limit - line : 0;
    memcpy(who->rest, line, who->rest_length);
}

/* Look after the sockets that are ready, waiting at most so long for one; says how many there were. */
int members_turn(int milliseconds) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll_fd, events, EVENTS, milliseconds);
    for (int i = 0; i < ready; i++) {
        struct member *who = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) member_flush(who);
        if (who->state != GONE && events[i].events & ~EPOLLOUT) member_read(who);
    }
    return ready;
}
