/*
 * Points in time and spans: what is read is in range, and written it reads
 * as the same instant.
 */

#include "fuzz.h"

#include "gh_time.h"


static void in_periods(int64_t at_s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };
    int64_t at_s = -1, back, span_s;

    if (gh_time_parse(text, &at_s) == GH_OK) {
        char room[64];
        gh_buf_t out = GH_BUF(room);

        require(at_s >= 0 && at_s <= GH_TIME_MAX_S);
        require(gh_time_rfc3339(at_s, &out) == GH_OK);
        require(out.len == 20);
        require(gh_time_parse(gh_buf_str(&out), &back) == GH_OK
                && back == at_s);
        out.len = 0;
        require(gh_time_http(at_s, &out) == GH_OK && out.len == 29);
        in_periods(at_s);

    } else {
        require(at_s == -1);
    }

    if (gh_duration_parse(text, &span_s) == GH_OK) {
        require(span_s >= 0 && span_s <= GH_TIME_MAX_S);
    }

    if (size >= sizeof(at_s)) {
        memcpy(&at_s, data, sizeof(at_s));
        in_periods(at_s);
    }

    return 0;
}


static void
in_periods(int64_t at_s)
{
    for (int i = GH_PERIOD_DAY; i <= GH_PERIOD_MONTH; i++) {
        gh_period_t period = (gh_period_t) i;
        uint32_t number = gh_period_number(period, at_s);
        int64_t end_s = gh_period_end(period, number);

        require(gh_period_of(number) == period);
        require(end_s > at_s || at_s > GH_TIME_MAX_S);
        require(gh_period_number(period, end_s - 1) == number);
    }
}
