/* What each member must hear, what it heard, and how much each sender may say now.

   The window: a sender may have `window` messages that not every counted member has heard. So nobody scores by serving
   some readers and leaving others behind, and what any server has to keep for one reader is bounded. */

#include "load.h"

#include <stdlib.h>
#include <string.h>

struct sender {
    uint32_t sent;        /* the next message's number */
    uint32_t floor;       /* below it, every counted member has heard everything */
    uint32_t listeners;   /* counted members but itself */
    uint16_t *heard_by;   /* of message n, in [n & ring] */
};

struct gap {              /* messages [from, to) that a member has not heard, though it heard later ones */
    unsigned member, sender;
    uint32_t from, to;
};

const char padding[] = "quick brown foxes jump high.";

struct tally tally;

static unsigned sender_count, inside;
static uint32_t window, ring; /* ring: the power of two that holds it, less one */
static struct sender *senders;
static uint32_t *next_for; /* [member][sender]: the number it has to hear next */
static struct gap *gaps;
static size_t gap_count, gap_size;
static uint64_t latency_from = UINT64_MAX;
static uint32_t *latencies; /* microseconds */
static size_t latency_count, latency_size;

void check_open(unsigned members, unsigned sender_total, uint32_t window_size) {
    sender_count = sender_total;
    window = window_size;
    for (ring = 1; ring < window; ring *= 2) {}
    ring--;
    senders = take(sender_count, sizeof *senders);
    for (unsigned s = 0; s < sender_count; s++) senders[s].heard_by = take(ring + 1, sizeof(uint16_t));
    next_for = take((size_t)members * sender_count, sizeof *next_for);
}

static uint32_t *next_of(const struct member *who) { return next_for + (size_t)who->number * sender_count; }

static struct gap *gap_of(unsigned member, unsigned sender, uint32_t message) {
    for (size_t i = 0; i < gap_count; i++) {
        struct gap *gap = &gaps[i];
        if (gap->member == member && gap->sender == sender && gap->from <= message && message < gap->to) return gap;
    }
    return NULL;
}

static void gap_add(struct gap gap) {
    if (gap.from == gap.to) return;
    if (gap_count == gap_size) {
        gap_size = gap_size ? 2 * gap_size : 64;
        gaps = realloc(gaps, gap_size * sizeof *gaps);
        if (!gaps) fail("memory");
    }
    gaps[gap_count++] = gap;
}

static void move_floor(struct sender *sender) {
    while (sender->floor < sender->sent && sender->heard_by[sender->floor & ring] >= sender->listeners)
        sender->heard_by[sender->floor++ & ring] = 0;
}

/* From now on this member has to hear everything. Counted members enter while nothing is on its way. */
void check_enters(struct member *who) {
    inside++;
    for (unsigned s = 0; s < sender_count; s++) {
        next_of(who)[s] = senders[s].sent;
        if (who->counted && s != who->number) senders[s].listeners++;
    }
}

/* It hears no more: what it has not heard is lost, and the window waits for it no longer. */
void check_leaves(struct member *who) {
    inside--;
    for (unsigned s = 0; s < sender_count; s++) {
        struct sender *sender = &senders[s];
        uint32_t next = next_of(who)[s], missed = sender->sent - next;
        if (s == who->number) continue;
        for (size_t i = 0; i < gap_count; i++)
            if (gaps[i].member == who->number && gaps[i].sender == s) missed += gaps[i].to - gaps[i].from;
        tally.owed -= missed;
        tally.lost += missed;
        if (!who->counted) continue;
        sender->listeners--;
        for (uint32_t n = sender->floor; n < next; n++)
            if (!gap_of(who->number, s, n)) sender->heard_by[n & ring]--;
        move_floor(sender);
    }
}

uint32_t check_may_say(unsigned sender) { return window - (senders[sender].sent - senders[sender].floor); }

uint32_t check_says(unsigned sender) {
    tally.owed += inside - 1;
    return senders[sender].sent++;
}

/* Eight digits at once, since a loop over them was a third of the load generator's time; not digits: a huge number. */
static inline uint64_t eight_digits(const char *at) {
    uint64_t x;
    memcpy(&x, at, 8); /* little-endian: the first digit is the lowest byte */
    x -= 0x3030303030303030;
    if ((x | (x + 0x7676767676767676)) & 0x8080808080808080) return UINT64_MAX;
    x = (x * 10 + (x >> 8)) & 0x00ff00ff00ff00ff;
    x = (x * 100 + (x >> 16)) & 0x0000ffff0000ffff;
    return (x * 10000 + (x >> 32)) & 0xffffffff;
}

static void note_latency(const char *text, uint64_t now) {
    uint64_t stamp = eight_digits(text + STAMP_AT) * 100000000 + eight_digits(text + STAMP_AT + 8);
    if (stamp < latency_from) return;
    if (latency_count == latency_size) {
        latency_size = latency_size ? 2 * latency_size : 1 << 16;
        latencies = realloc(latencies, latency_size * sizeof *latencies);
        if (!latencies) fail("memory");
    }
    latencies[latency_count++] = (uint32_t)((now - stamp) / 1000);
}

/* False: it had been heard before. */
static bool heard_late(unsigned member, unsigned sender, uint32_t message) {
    struct gap *gap = gap_of(member, sender, message);
    if (!gap) {
        tally.doubled++;
        return false;
    }
    tally.reordered++;
    struct gap after = {member, sender, message + 1, gap->to};
    gap->to = message;
    if (gap->from == gap->to) *gap = gaps[--gap_count];
    gap_add(after);
    return true;
}

/* A line with this nickname and text came to `who`. */
void check_hears(const struct member *who, const char *nick, const char *text, uint64_t now) {
    uint64_t s = eight_digits(text + SENDER_AT), message = eight_digits(text + NUMBER_AT);
    if (*nick != 'u' || memcmp(nick + 1, text + SENDER_AT + 4, 4) || memcmp(text + PADDING_AT, padding, TEXT - PADDING_AT) ||
        s >= sender_count || s == who->number || message >= senders[s].sent || who->state != INSIDE) {
        tally.strange++;
        return;
    }
    struct sender *sender = &senders[s];
    uint32_t *next = &next_of(who)[s];
    if (message < *next) {
        if (!heard_late(who->number, s, message)) return;
    } else {
        if (message > *next) gap_add((struct gap){who->number, s, *next, message});
        *next = message + 1;
    }
    tally.delivered++;
    if (now >= latency_from) note_latency(text, now);
    if (!who->counted) return;
    tally.counted++;
    tally.last = now;
    if (++sender->heard_by[message & ring] == sender->listeners && message == sender->floor) move_floor(sender);
}

/* Keep the latency of messages stamped from now on. */
void check_latency_from(uint64_t stamp) { latency_from = stamp; }

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The latency, in milliseconds, that this share of the deliveries did not pass. */
double check_latency(double share) {
    if (!latency_count) return 0;
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    return latencies[(size_t)(share * (double)(latency_count - 1))] / 1e3;
}
