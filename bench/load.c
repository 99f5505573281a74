/* SPDX-License-Identifier: MIT */
/*
 * load.c - weir-load: loads a server of bench.Echo and checks all that comes back.
 *
 * One thread, many connections, no more work than it takes to see that each message is the expected
 * one and each call ended with OK. Only messages of such calls are counted. Results are lines of
 * "name value"; the exit status is 0 when there were no errors.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "h2.h"
#include "secure.h"
#include "wire.h"

enum { READ_SIZE = 512 * 1024, MAX_ERRORS = 100, HUGE_WINDOW = (1 << 30) - 1, QUIET_MS = 500 };

struct slot;

/* One kind of load. */
struct work {
    const char *name;
    const char *path;
    bool (*message)(struct slot *slot, const uint8_t *data, size_t given, size_t size);
    bool repeat; /* a finished call is followed by the next until the time is up */
    bool hold;   /* calls stay as they are until standard input ends or the time is up */
    bool credit; /* windows are opened again as messages are read */
};

struct options {
    const struct work *work;
    const char *server;
    unsigned connections;
    unsigned streams;
    unsigned count;
    unsigned size;
    unsigned interval_ms;
    double seconds;
    double limit;
    bool spin;
    bool tls;
    long window;
    long connection_window;
};

struct slot {
    struct h2_stream stream; /* first: a stream is its slot */
    uint64_t messages;       /* in the current call */
    uint64_t began_ns;
};

struct connection {
    struct h2 h2; /* first, too */
    struct slot *slots;
    bool blocked;
};

static struct options options;
static struct h2_config config;
static struct h2_body body;      /* of each call */
static struct h2_body last_body; /* idle: what each call sends in the end */
static uint8_t *expected;        /* a message of the response, for the works where all are alike */
static size_t expected_size;
static uint64_t per_call; /* messages in a response */

static struct connection *connections;
static int epoll_fd;
static uint8_t read_buffer[READ_SIZE];
static uint64_t now_ns;

static struct {
    uint64_t calls;
    uint64_t messages;
    uint64_t errors;
    uint64_t early; /* ticks: messages that left before their time */
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t received_ns;
    unsigned running;
    bool finishing; /* no new calls */
    char why[200];  /* the first error */
} result;

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "weir-load: %s: %s\n", what, why);
    exit(2);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        die("memory", "exhausted");
    return memory;
}

static void error(const char *why)
{
    if (result.errors++ == 0)
        snprintf(result.why, sizeof result.why, "%s", why);
    if (result.errors >= MAX_ERRORS)
        result.finishing = true;
}

/* ---- the works ---- */

static bool same_message(struct slot *slot, const uint8_t *data, size_t given, size_t size)
{
    slot->messages++;
    return size == expected_size && memcmp(data, expected, given) == 0;
}

/* "message_0" and so on, none before its time by the clock of this side, which started earlier. */
static bool tick_message(struct slot *slot, const uint8_t *data, size_t given, size_t size)
{
    const uint8_t *text;
    size_t length;
    uint64_t number = 0;

    if (given != size || !bench_rep_parse(data, size, &text, &length) || length < 9 ||
        memcmp(text, "message_", 8) != 0)
        return false;
    for (size_t i = 8; i < length; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    if (number != slot->messages)
        return false;
    slot->messages++;
    uint64_t due = slot->began_ns + slot->messages * options.interval_ms * UINT64_C(1000000);
    result.early += now_ns < due;
    return true;
}

static const struct work works[] = {
    {"unary", "/bench.Echo/Unary", same_message, true, false, true},
    {"down", "/bench.Echo/Down", same_message, true, false, true},
    {"up", "/bench.Echo/Up", same_message, true, false, true},
    {"ticks", "/bench.Echo/Down", tick_message, false, false, true},
    {"stall", "/bench.Echo/Down", same_message, false, true, false},
    {"idle", "/bench.Echo/Chat", same_message, false, true, true},
};

static bool is(const char *name)
{
    return strcmp(options.work->name, name) == 0;
}

/* A body of `count` messages, all alike. */
static void make_body(struct h2_body *out, const uint8_t *message, size_t size, unsigned count,
                      bool open)
{
    size_t period = BENCH_PREFIX_SIZE + size;
    size_t copies = H2_FRAME_MAX / period + 2;
    uint8_t *pattern = allocate(copies, period);

    for (size_t i = 0; i < copies; i++) {
        bench_prefix(pattern + i * period, size);
        memcpy(pattern + i * period + BENCH_PREFIX_SIZE, message, size);
    }
    *out = (struct h2_body){pattern, period, (uint64_t)period * count, open};
}

static size_t put_x(uint8_t *out, size_t head)
{
    memset(out + head, 'x', options.size);
    return head + options.size;
}

static void expect(const void *data, size_t size)
{
    expected = allocate(1, BENCH_FIELD_HEAD_MAX + size);
    expected_size = bench_rep_head(expected, size);
    memcpy(expected + expected_size, data, size);
    expected_size += size;
}

static void prepare_down(void)
{
    uint8_t numbers[BENCH_REQ_NUMBERS_MAX];
    struct bench_req req = {.count = (int32_t)options.count, .size = (int32_t)options.size};

    if (is("ticks"))
        req = (struct bench_req){.count = (int32_t)options.count,
                                 .interval_ms = (int32_t)options.interval_ms};
    make_body(&body, numbers, bench_req_numbers(numbers, &req), 1, false);
    per_call = options.count;
}

static void prepare_up(void)
{
    char total[24];
    int size =
        snprintf(total, sizeof total, "%llu", (unsigned long long)options.size * options.count);

    expect(total, (size_t)size);
    per_call = 1;
}

/* What all calls send and what must come back. */
static void prepare(void)
{
    uint8_t *req = allocate(1, BENCH_FIELD_HEAD_MAX + options.size);
    uint8_t *data = allocate(1, options.size + 1);
    size_t size = put_x(req, bench_req_head(req, options.size));
    unsigned count = is("up") ? options.count : 1;

    per_call = 1;
    put_x(data, 0);
    make_body(&body, req, size, count, false);
    if (is("down") || is("stall") || is("ticks"))
        prepare_down();
    if (is("up"))
        prepare_up();
    else
        expect(data, options.size);
    if (is("idle")) {
        last_body = body;
        body.size = 0;
        body.open = true;
    }
    free(req);
    free(data);
}

/* ---- calls ---- */

static void start_call(struct connection *c, struct slot *slot)
{
    slot->messages = 0;
    slot->began_ns = clock_ns();
    if (result.running++ == 0 && result.first_ns == 0)
        result.first_ns = slot->began_ns;
    h2_call(&c->h2, &slot->stream, &body);
}

static bool on_message(struct h2 *h2, struct h2_stream *stream, const uint8_t *data, size_t given,
                       size_t size)
{
    (void)h2;
    result.received_ns = now_ns;
    return options.work->message((struct slot *)stream, data, given, size);
}

static void count_call(const struct slot *slot)
{
    result.calls++;
    result.messages += is("up") ? options.count : slot->messages;
}

static void on_end(struct h2 *h2, struct h2_stream *stream, int status, const char *why)
{
    struct slot *slot = (struct slot *)stream;
    char text[160];

    result.running--;
    result.last_ns = now_ns;
    snprintf(text, sizeof text, "grpc-status %d, %llu of %llu messages%s%s", status,
             (unsigned long long)slot->messages, (unsigned long long)per_call,
             why != NULL ? ": " : "", why != NULL ? why : "");
    if (status != 0 || slot->messages != per_call)
        error(text);
    else
        count_call(slot);
    if (options.work->repeat && !result.finishing)
        start_call((struct connection *)h2, slot);
}

static const struct h2_events events = {on_message, on_end};

/* ---- connections ---- */

static void watch(struct connection *c, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | (c->blocked ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(epoll_fd, operation, c->h2.fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
}

static void flush(struct connection *c)
{
    if (!h2_flush(&c->h2))
        die("connection", c->h2.error);
    if (c->blocked != h2_wants_write(&c->h2)) {
        c->blocked = !c->blocked;
        watch(c, EPOLL_CTL_MOD);
    }
}

static void receive(struct connection *c)
{
    ssize_t n = secure_read(c->h2.tls, c->h2.fd, read_buffer, sizeof read_buffer);

    now_ns = clock_ns();
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("connection", n < 0 ? strerror(errno) : "closed by the server");
    if (!h2_input(&c->h2, read_buffer, (size_t)n))
        die("connection", c->h2.error);
}

static void connect_one(struct connection *c)
{
    struct h2_stream **streams = allocate(options.streams, sizeof *streams);
    int fd = address_connect(options.server);
    struct ssl_st *tls = NULL;
    const char *why;

    if (fd < 0)
        die(options.server, strerror(errno));
    c->slots = allocate(options.streams, sizeof *c->slots);
    for (unsigned i = 0; i < options.streams; i++)
        streams[i] = &c->slots[i].stream;
    if (options.tls && (tls = secure_connect(fd, &why)) == NULL)
        die(options.server, why);
    if (!h2_init(&c->h2, &config, fd, tls, streams, options.streams))
        die(options.server, c->h2.error);
    watch(c, EPOLL_CTL_ADD);
    flush(c);
}

/* Serves what is due on the sockets, waiting at most so long. `input`: standard input is watched,
 * too; the result is whether it ended. */
static bool turn(int wait_ms)
{
    struct epoll_event found[64];
    bool ended = false;

    int n = epoll_wait(epoll_fd, found, 64, options.spin ? 0 : wait_ms);
    for (int i = 0; i < n; i++) {
        struct connection *c = found[i].data.ptr;
        if (c == NULL) {
            char ignored[256];
            ended = read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
            continue;
        }
        if ((found[i].events & ~(uint32_t)EPOLLOUT) != 0)
            receive(c);
        while (secure_pending(c->h2.tls))
            receive(c);
        flush(c);
    }
    return ended;
}

static bool passed(uint64_t since_ns, double seconds)
{
    return (double)(clock_ns() - since_ns) > seconds * 1e9;
}

/* Turns until `reached` says so; an error of the whole run when that takes longer than --limit. */
static void turn_until(bool (*reached)(void), const char *what)
{
    uint64_t start = clock_ns();

    while (!reached()) {
        turn(100);
        if (!passed(start, options.limit))
            continue;
        error(what);
        return;
    }
}

static bool all_ready(void)
{
    for (unsigned i = 0; i < options.connections; i++) {
        if (!connections[i].h2.ready)
            return false;
        if (connections[i].h2.max_streams < options.streams)
            die("--streams", "more than the server allows on one connection");
    }
    return true;
}

static bool all_ended(void)
{
    return result.running == 0;
}

static bool all_ponged(void)
{
    for (unsigned i = 0; i < options.connections; i++) {
        if (connections[i].h2.pongs == 0)
            return false;
    }
    return true;
}

static void each_slot(void (*fn)(struct connection *c, struct slot *slot))
{
    for (unsigned j = 0; j < options.streams; j++) {
        for (unsigned i = 0; i < options.connections; i++)
            fn(&connections[i], &connections[i].slots[j]);
    }
    now_ns = clock_ns();
    for (unsigned i = 0; i < options.connections; i++)
        flush(&connections[i]);
}

/* ---- the run ---- */

static void run_timed(void)
{
    while (result.running > 0 && !passed(result.first_ns, options.seconds) && !result.finishing)
        turn(100);
    if (options.work->repeat)
        result.finishing = true;
    turn_until(all_ended, "calls did not end in time");
}

static void watch_input(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    /* A file or a terminal in the background cannot be watched: then only the time counts. */
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
}

static void finish_call(struct connection *c, struct slot *slot)
{
    if (slot->stream.id != 0)
        h2_finish(&c->h2, &slot->stream, &last_body);
}

static uint64_t received(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < options.connections; i++)
        sum += connections[i].h2.received;
    return sum;
}

/* Until the server has seen all calls, and nothing more comes from it. */
static void settle(void)
{
    uint64_t before;

    for (unsigned i = 0; i < options.connections; i++) {
        h2_ping(&connections[i].h2);
        flush(&connections[i]);
    }
    turn_until(all_ponged, "a PING was not answered in time");
    do {
        uint64_t start = clock_ns();
        before = received();
        while (!passed(start, QUIET_MS / 1e3))
            turn(QUIET_MS / 10);
    } while (received() != before);
}

static void run_hold(void)
{
    settle();
    printf("holding %u\n", result.running);
    printf("received_bytes %llu\n", (unsigned long long)received());
    fflush(stdout);
    watch_input();
    uint64_t start = clock_ns();
    while (!passed(start, options.seconds)) {
        if (turn(100))
            break;
    }
    if (result.running != options.connections * options.streams)
        error("calls ended while they were held");
    if (is("idle")) { /* calls that are alive echo what they get */
        each_slot(finish_call);
        turn_until(all_ended, "calls did not end in time");
    }
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void report(void)
{
    uint64_t end = is("ticks") ? result.received_ns : result.last_ns;
    double seconds = end > result.first_ns ? (double)(end - result.first_ns) / 1e9 : 0;

    printf("work %s\n", options.work->name);
    printf("calls %llu\n", (unsigned long long)result.calls);
    printf("messages %llu\n", (unsigned long long)result.messages);
    printf("seconds %.6f\n", seconds);
    printf("messages_per_second %.0f\n", seconds > 0 ? (double)result.messages / seconds : 0);
    if (is("ticks"))
        printf("early %llu\n", (unsigned long long)result.early);
    printf("client_cpu_seconds %.3f\n", cpu_seconds());
    printf("errors %llu\n", (unsigned long long)result.errors);
    if (result.errors > 0)
        printf("error %s\n", result.why);
}

static void run(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = allocate(options.connections, sizeof *connections);
    for (unsigned i = 0; i < options.connections; i++)
        connect_one(&connections[i]);
    turn_until(all_ready, "no SETTINGS from the server");
    if (result.errors > 0)
        return;
    each_slot(start_call);
    if (options.work->hold)
        run_hold();
    else
        run_timed();
}

/* ---- options ---- */

static const char usage[] =
    "usage: weir-load --server HOST:PORT --work NAME [options]\n"
    "\n"
    "works: unary  calls with one message each way\n"
    "       down   server streams of --count messages\n"
    "       up     client streams of --count messages\n"
    "       ticks  server streams of --count messages --interval ms apart, once\n"
    "       stall  server streams that nobody reads: no window is ever opened again\n"
    "       idle   bidi streams without messages, each with one in the end\n"
    "\n"
    "  --connections N        connections (1)\n"
    "  --streams N            calls at once on each connection (1)\n"
    "  --count N              messages of a call (1000)\n"
    "  --size N               bytes of data in a message (100)\n"
    "  --interval MS          between ticks (1)\n"
    "  --seconds S            start new calls for so long (2); stall, idle: hold so long, or "
    "until\n"
    "                         standard input ends\n"
    "  --limit S              wait so long for what is due (30)\n"
    "  --window BYTES         receive window of a call (2^30 - 1; stall and idle: 65535)\n"
    "  --connection-window B  receive window of a connection (as --window)\n"
    "  --tls                  TLS, with whatever certificate the server shows\n"
    "  --spin                 never sleep: the server need not pay for waking this side up\n";

static const struct work *find_work(const char *name)
{
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    }
    die(name, "no such work; see --help");
    return NULL;
}

static long number(const char *text, long least, long most)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < least || value > most)
        die(text, "not a number that fits here");
    return value;
}

static void set_option(int option, const char *value)
{
    switch (option) {
    case 's':
        options.server = value;
        break;
    case 'w':
        options.work = find_work(value);
        break;
    case 'c':
        options.connections = (unsigned)number(value, 1, 10000);
        break;
    case 'm':
        options.streams = (unsigned)number(value, 1, 100000);
        break;
    case 'n':
        options.count = (unsigned)number(value, 1, INT32_MAX);
        break;
    case 'b':
        options.size = (unsigned)number(value, 0, 4000000);
        break;
    case 'i':
        options.interval_ms = (unsigned)number(value, 1, 1000000);
        break;
    case 't':
        options.seconds = atof(value);
        break;
    case 'l':
        options.limit = atof(value);
        break;
    case 'W':
        options.window = number(value, 0, INT32_MAX);
        break;
    case 'C':
        options.connection_window = number(value, 65535, INT32_MAX);
        break;
    case 'T':
        options.tls = true;
        break;
    case 'p':
        options.spin = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"server", 1, NULL, 's'},
                                          {"work", 1, NULL, 'w'},
                                          {"connections", 1, NULL, 'c'},
                                          {"streams", 1, NULL, 'm'},
                                          {"count", 1, NULL, 'n'},
                                          {"size", 1, NULL, 'b'},
                                          {"interval", 1, NULL, 'i'},
                                          {"seconds", 1, NULL, 't'},
                                          {"limit", 1, NULL, 'l'},
                                          {"window", 1, NULL, 'W'},
                                          {"connection-window", 1, NULL, 'C'},
                                          {"spin", 0, NULL, 'p'},
                                          {"tls", 0, NULL, 'T'},
                                          {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    options = (struct options){.connections = 1,
                               .streams = 1,
                               .count = 1000,
                               .size = 100,
                               .interval_ms = 1,
                               .seconds = 2,
                               .limit = 30,
                               .window = -1,
                               .connection_window = -1};
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        set_option(option, optarg);
    if (options.server == NULL || options.work == NULL || optind != argc)
        set_option('?', NULL);
    if (options.window < 0)
        options.window = options.work->hold ? 65535 : HUGE_WINDOW;
    if (options.connection_window < 0)
        options.connection_window = options.window < 65535 ? 65535 : options.window;
}

int main(int argc, char **argv)
{
    struct h2_request request;

    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (!h2_request_make(&request, options.work->path, options.server))
        die("HPACK", "failed");
    config = (struct h2_config){&events, &request, (uint32_t)options.window,
                                (uint32_t)options.connection_window, options.work->credit};
    prepare();
    run();
    report();
    return result.errors > 0;
}
