/* The load generator: fills a room, runs one scenario, checks every delivery, prints what it found as JSON.

   flood: senders say as much as the window allows. pace: so many messages a second in all, latency. stall: flood
   without and with one reader that does not read. join: people enter a room. idle: memory of who is just there. */

#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000;
static const int QUIET_MS = 100;           /* so long nothing came: everything that was on its way is here */
static const double WARM_UP = 0.5;         /* seconds of pace whose latency does not count */
static const int STALLED_BUFFER = 64 << 10; /* of the reader that stalls: small, so that the server notices soon */

static struct {
    unsigned readers, senders, joins, joining, rounds;
    uint32_t window;
    uint64_t count;
    double seconds, rate, patience;
    int pid;
} ask = {.readers = 100, .senders = 10, .joins = 500, .joining = 64, .rounds = 1, .window = 100,
         .count = UINT64_MAX, .seconds = 5, .rate = 200, .patience = 5};

static double load_cpu, server_cpu; /* of one core, while it was measured */

void fail(const char *what) {
    perror(what);
    exit(2);
}

void *take(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    if (!memory) fail("memory");
    return memory;
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static double own_cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static FILE *about_server(const char *what) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", ask.pid, what);
    return ask.pid ? fopen(path, "r") : NULL;
}

static double cpu_of_server(void) {
    unsigned long user = 0, system = 0;
    FILE *file = about_server("stat");
    if (!file) return 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) user = 0;
    fclose(file);
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

static double server_kib(void) {
    unsigned long pages = 0;
    FILE *file = about_server("statm");
    if (!file) return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024.0);
}

static void settle(void) {
    while (members_turn(QUIET_MS)) {}
}

/* Members [first, last) enter, `joining` of them at a time. */
static void gather(unsigned first, unsigned last, bool counted, int receive_buffer) {
    unsigned oldest = first, begun = first;
    uint64_t patience = ask.patience * SECOND, progress = now_ns();
    while (oldest < last) {
        for (; begun < last && begun - oldest < ask.joining; begun++) {
            member(begun)->counted = counted;
            member_join(begun, receive_buffer);
        }
        members_turn(10);
        for (; oldest < begun && member(oldest)->state >= INSIDE; oldest++) progress = now_ns();
        if (tally.cut_off || now_ns() - progress > patience) {
            fprintf(stderr, "%u of %u got in, %u were cut off\n", oldest - first, last - first, tally.cut_off);
            exit(1);
        }
    }
}

/* Wait until `*have` has come to `*want`, as long as there is progress; and then for what should not come. */
static void await(const uint64_t *have, const uint64_t *want) {
    uint64_t patience = ask.patience * SECOND, progress = now_ns(), before = *have;
    while (*have < *want && now_ns() - progress < patience) {
        members_turn(10);
        if (*have != before) progress = now_ns();
        before = *have;
    }
    settle();
}

static struct {
    uint64_t start, counted;
    double own_cpu, server_cpu;
} measured;

static void measure(void) {
    measured.start = now_ns();
    measured.counted = tally.counted;
    measured.own_cpu = own_cpu();
    measured.server_cpu = cpu_of_server();
}

static void measured_cpu(void) {
    double took = (now_ns() - measured.start) / 1e9;
    load_cpu = (own_cpu() - measured.own_cpu) / took;
    server_cpu = (cpu_of_server() - measured.server_cpu) / took;
}

/* Deliveries a second, up to the last, to those whom the window waits for. */
static double measured_rate(void) {
    return tally.last > measured.start ? (tally.counted - measured.counted) * 1e9 / (tally.last - measured.start) : 0;
}

/* Everyone says as much as the window allows, but in one turn only a quarter of it, so that while one part is on its
   way out another comes in. */
static void flood(void) {
    uint32_t share = ask.window < 4 ? 1 : ask.window / 4;
    measure();
    uint64_t end = measured.start + ask.seconds * SECOND;
    for (uint64_t now; (now = now_ns()) < end && (ask.count || tally.delivered < tally.owed);) {
        for (unsigned s = 0; s < ask.senders; s++) {
            struct member *who = member(s);
            if (who->state != INSIDE || who->out_length) continue;
            uint32_t may = check_may_say(s);
            for (uint32_t n = may < share ? may : share; n && ask.count; n--, ask.count--) member_say(who, check_says(s), now);
            member_flush(who);
        }
        members_turn(1);
    }
    measured_cpu();
}

/* `rate` messages a second in all, evenly, the senders taking turns; stamped with the time they were due. */
static void pace(void) {
    uint64_t gap = SECOND / ask.rate, messages = (WARM_UP + ask.seconds) * ask.rate;
    measure();
    check_latency_from(measured.start + WARM_UP * SECOND);
    for (uint64_t n = 0; n < messages;) {
        uint64_t now = now_ns(), due = measured.start + n * gap;
        struct member *who = member(n % ask.senders);
        if (now >= due && check_may_say(who->number)) {
            member_say(who, check_says(who->number), due);
            member_flush(who);
            n++;
        } else if (now > due + ask.patience * SECOND) break;
        members_turn(now >= due ? 0 : (due - now) / 1000000);
    }
    measured_cpu();
}

static void report_flood(void) {
    flood();
    await(&tally.delivered, &tally.owed);
    printf("\"rate\": %.0f, ", measured_rate());
}

static void report_pace(void) {
    pace();
    await(&tally.delivered, &tally.owed);
    printf("\"p50\": %.3f, \"p99\": %.3f, ", check_latency(0.5), check_latency(0.99));
}

static void report_stall(void) {
    double without = 0, with = 0, growth = 0, catch_up = 0;
    unsigned members = ask.readers + ask.senders, round = 0;
    for (; round < ask.rounds && !tally.cut_off; round++) {
        flood();
        await(&tally.delivered, &tally.owed);
        without += measured_rate();

        struct member *stalled = member(members + round);
        gather(members + round, members + round + 1, false, STALLED_BUFFER);
        settle();
        double before = server_kib();
        member_stall(stalled, true);
        flood();
        double after = server_kib();

        uint64_t reads_on = now_ns();
        member_stall(stalled, false);
        await(&tally.delivered, &tally.owed);
        with += measured_rate();
        catch_up += (now_ns() - reads_on) / 1e9 - QUIET_MS / 1e3;
        if (server_kib() > after) after = server_kib();
        if (after - before > growth) growth = after - before;
        if (stalled->state == INSIDE) member_leave(stalled);
        settle();
    }
    printf("\"without\": %.0f, \"with\": %.0f, \"growth_kib\": %.0f, \"catch_up\": %.3f, ", without / round, with / round,
           growth, catch_up / round);
}

static void report_join(void) {
    uint64_t first = ask.readers + ask.senders, joins = ask.joins;
    uint64_t want = first * joins + joins * (joins - 1) / 2; /* of two that join, one is told of the other */
    told_in_all = 0;
    for (unsigned m = 0; m < first; m++) member(m)->told = 0;
    measure();
    gather(first, first + joins, true, 0);
    await(&told_in_all, &want);
    measured_cpu();
    if (told_in_all < want) tally.lost += want - told_in_all;
    if (told_in_all > want) tally.doubled += told_in_all - want;
    for (unsigned m = 0; m < first; m++) tally.strange += member(m)->told != joins;
    printf("\"joins\": %.0f, ", joins * 1e9 / (told_at - measured.start));
}

static void report_idle(void) {
    double before = server_kib();
    unsigned first = ask.readers + ask.senders;
    gather(first, first + ask.joins, true, 0);
    settle();
    printf("\"kib\": %.2f, ", (server_kib() - before) / ask.joins);
}

static const struct scenario {
    const char *name;
    void (*report)(void);
} scenarios[] = {
    {"flood", report_flood}, {"pace", report_pace}, {"stall", report_stall}, {"join", report_join}, {"idle", report_idle},
};

static const struct scenario *scenario_named(const char *name) {
    for (size_t i = 0; name && i < sizeof scenarios / sizeof *scenarios; i++)
        if (!strcmp(scenarios[i].name, name)) return &scenarios[i];
    fprintf(stderr, "usage: load flood|pace|stall|join|idle --port N [--irc] [--readers N] ...\n");
    exit(2);
}

static struct place read_options(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, 0, 'p'},    {"irc", 0, 0, 'i'},     {"room-size", 1, 0, 'z'}, {"readers", 1, 0, 'r'}, {"senders", 1, 0, 's'},
        {"joins", 1, 0, 'j'},   {"joining", 1, 0, 'g'}, {"rounds", 1, 0, 'o'},    {"window", 1, 0, 'w'},  {"count", 1, 0, 'c'},
        {"seconds", 1, 0, 't'}, {"rate", 1, 0, 'a'},    {"patience", 1, 0, 'e'},  {"pid", 1, 0, 'd'},     {0},
    };
    struct place place = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
        case 'p': place.port = atoi(optarg); break;
        case 'i': place.irc = true; break;
        case 'z': place.room_size = atoi(optarg); break;
        case 'r': ask.readers = atoi(optarg); break;
        case 's': ask.senders = atoi(optarg); break;
        case 'j': ask.joins = atoi(optarg); break;
        case 'g': ask.joining = atoi(optarg); break;
        case 'o': ask.rounds = atoi(optarg); break;
        case 'w': ask.window = atoi(optarg); break;
        case 'c': ask.count = atoll(optarg); break;
        case 't': ask.seconds = atof(optarg); break;
        case 'a': ask.rate = atof(optarg); break;
        case 'e': ask.patience = atof(optarg); break;
        case 'd': ask.pid = atoi(optarg); break;
        default: exit(2);
        }
    return place;
}

int main(int argc, char **argv) {
    struct place place = read_options(argc, argv);
    const struct scenario *scenario = scenario_named(argv[optind]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    unsigned members = ask.readers + ask.senders, most = members + ask.joins + ask.rounds;
    if (most > MEMBERS_MAX) return fprintf(stderr, "at most %d members\n", MEMBERS_MAX), 2;
    members_open(most, place);
    check_open(most, ask.senders, ask.window);
    gather(0, members, true, 0);
    settle();
    printf("{");
    scenario->report();
    printf("\"delivered\": %lu, \"lost\": %lu, \"doubled\": %lu, \"reordered\": %lu, \"strange\": %lu, \"cut_off\": %u, "
           "\"load_cpu\": %.3f, \"server_cpu\": %.3f}\n",
           tally.delivered, tally.lost + tally.owed - tally.delivered, tally.doubled, tally.reordered, tally.strange,
           tally.cut_off, load_cpu, server_cpu);
    return 0;
}
