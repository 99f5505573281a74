/* SPDX-License-Identifier: MIT */
#include "conn/support/short.h"

static int setup_with(void **state, uint64_t limit)
{
    const weir_server_options options = {
        .memory_limit = limit, .stall_timeout_ns = STALL, .keepalive_ns = WEIR_NEVER};
    struct peer *p;

    now = WEIR_SECONDS(1000);
    memory_install();
    p = peer_of_server(&options);
    peer_beside(p);
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    *state = p;
    return 0;
}

int short_setup(void **state)
{
    return setup_with(state, LIMIT);
}

int short_setup_plenty(void **state)
{
    return setup_with(state, 0);
}

weir_total_usage usage_of(struct peer *p)
{
    weir_total_usage usage;

    weir_server_usage(p->server, &usage);
    return usage;
}

int short_teardown(void **state)
{
    struct peer *p = *state;

    peer_free(p);
    return memory_held() != 0;
}

struct served *open_call(struct peer *p, int32_t id, struct source responses)
{
    struct served *served = &p->service->served[p->service->calls];

    served->responses = responses;
    peer_request(p, id, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    return served;
}

void stall(struct peer *p, int32_t first, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        open_call(p, first + 2 * (int32_t)i, (struct source){.count = 9, .size = size});
}

void reset_calls(struct peer *p, int32_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        peer_reset(p, first + 2 * (int32_t)i, NGHTTP2_CANCEL);
    peer_settle(p);
}
