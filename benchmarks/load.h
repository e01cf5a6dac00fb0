/* What the parts of the load generator share.

   load.c: the scenarios and the report. member.c: one person in the room, over lines or IRC. check.c: what each member
   must hear, what it heard, and how much each sender may say now (the window). */

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TEXT = 64,          /* bytes of every message: "~SSSSSSSS NNNNNNNN TTTTTTTTTTTTTTTT ", and padding */
    SENDER_AT = 1,      /* where its sender stands in it */
    NUMBER_AT = 10,     /* which of the sender's messages it is */
    STAMP_AT = 19,      /* when it was said, in ns of CLOCK_MONOTONIC */
    PADDING_AT = 36,
    NICK = 5,           /* "u0042" */
    MEMBERS_MAX = 9999, /* what four digits can name */
    REST = 2048,        /* the longest line that may be cut in two by a read */
};

struct member {
    unsigned number;
    int fd;
    enum { OUTSIDE, JOINING, INSIDE, GONE } state;
    bool counted;         /* the window waits for it; not for a reader that is to stall */
    bool wants_out;       /* epoll was asked to tell when its socket takes more */
    uint32_t told;        /* how many joins it was told of */
    char *out;            /* what its socket did not take yet */
    size_t out_length, out_size;
    size_t rest_length;
    char rest[REST];      /* the beginning of a line whose end has not come yet */
};

/* member.c */
struct place {            /* where to join, and how */
    int port;
    bool irc;
    unsigned room_size;   /* IRC only: so many members to a channel; 0: everybody in one */
};

extern uint64_t told_in_all, told_at; /* of joins: how many, and when last */

void members_open(unsigned count, struct place where);
struct member *member(unsigned number);
void member_join(unsigned number, int receive_buffer);
void member_say(struct member *who, uint32_t message, uint64_t stamp);
void member_flush(struct member *who);
void member_leave(struct member *who);
void member_stall(struct member *who, bool stalled);
int members_turn(int milliseconds);

/* check.c */
struct tally {
    uint64_t delivered;   /* heard for the first time, by anybody */
    uint64_t counted;     /* of these, by members the window waits for */
    uint64_t last;        /* when the last of these was heard */
    uint64_t owed;        /* what `delivered` has to come to */
    uint64_t lost;        /* by those who were cut off; at the end owed - delivered comes on top */
    uint64_t doubled, reordered;
    uint64_t strange;     /* spoilt text, a wrong name, one's own line sent back, a message nobody sent */
    unsigned cut_off;     /* members whose connection the server closed */
};

extern struct tally tally;
extern const char padding[]; /* the end of every text */

void check_open(unsigned members, unsigned senders, uint32_t window);
void check_enters(struct member *who);
void check_leaves(struct member *who);
uint32_t check_may_say(unsigned sender);
uint32_t check_says(unsigned sender);
void check_hears(const struct member *who, const char *nick, const char *text, uint64_t now);
void check_latency_from(uint64_t stamp);
double check_latency(double share);

uint64_t now_ns(void);
void fail(const char *what);
void *take(size_t count, size_t size);

#endif
