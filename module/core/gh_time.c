/*
 * Points in time as texts (RFC 3339, HTTP-date of RFC 9110 section 5.6.7),
 * spans, and calendar periods. The C library's calendar is not used: it
 * asks the time zone and the locale.
 */

#include "gh_time.h"

#define DAY_S INT64_C(86400)
#define DAYS_PER_400 146097 /* the calendar repeats every 400 years */


/* Of the proleptic Gregorian calendar. */
typedef struct {
    unsigned year, month, day; /* month and day from 1 */
} date_t;

typedef struct {
    unsigned hour, minute, second;
} time_of_day_t;


static bool take_number(gh_str_t *s, size_t digits, unsigned *out);
static bool take_char(gh_str_t *s, char c, char or_c);
static bool take_date(gh_str_t *s, date_t *out);
static bool take_clock(gh_str_t *s, time_of_day_t *out);
static bool take_offset(gh_str_t *s, int64_t *out_s);
static bool leap(unsigned year);
static unsigned days_in(unsigned year, unsigned month);
static int64_t days_from_date(date_t d);
static date_t date_from_days(int64_t days);
static bool in_range(int64_t at_s);
static int64_t clamp(int64_t at_s);


gh_rc_t
gh_time_parse(gh_str_t text, int64_t *out_s)
{
    date_t date;
    time_of_day_t clock = { 0, 0, 0 };
    int64_t offset_s = 0;

    if (!take_date(&text, &date)) {
        return GH_INVALID;
    }

    if (text.len > 0
        && (!take_char(&text, 'T', 't') || !take_clock(&text, &clock)
            || !take_offset(&text, &offset_s) || text.len > 0))
    {
        return GH_INVALID;
    }

    int64_t at_s = days_from_date(date) * DAY_S + clock.hour * 3600
                   + clock.minute * 60 + clock.second - offset_s;

    if (!in_range(at_s)) {
        return GH_INVALID;
    }

    /* leap seconds end a month of UTC (RFC 3339 section 5.7) */
    if (clock.second == 60
        && (at_s % DAY_S != 0 || date_from_days(at_s / DAY_S).day != 1))
    {
        return GH_INVALID;
    }

    *out_s = at_s;

    return GH_OK;
}


static bool
take_number(gh_str_t *s, size_t digits, unsigned *out)
{
    uint64_t n;

    if (s->len < digits
        || gh_str_to_u64((gh_str_t){ s->data, digits }, 9999, &n) != GH_OK)
    {
        return false;
    }

    s->data += digits;
    s->len -= digits;
    *out = (unsigned) n;

    return true;
}


static bool
take_char(gh_str_t *s, char c, char or_c)
{
    if (s->len == 0 || (s->data[0] != c && s->data[0] != or_c)) {
        return false;
    }

    s->data++;
    s->len--;

    return true;
}


static bool
take_date(gh_str_t *s, date_t *out)
{
    return take_number(s, 4, &out->year) && take_char(s, '-', '-')
           && take_number(s, 2, &out->month) && take_char(s, '-', '-')
           && take_number(s, 2, &out->day) && out->month >= 1
           && out->month <= 12 && out->day >= 1
           && out->day <= days_in(out->year, out->month);
}


static bool
take_clock(gh_str_t *s, time_of_day_t *out)
{
    if (!take_number(s, 2, &out->hour) || !take_char(s, ':', ':')
        || !take_number(s, 2, &out->minute) || !take_char(s, ':', ':')
        || !take_number(s, 2, &out->second))
    {
        return false;
    }

    if (take_char(s, '.', '.')) {
        unsigned digit;

        if (!take_number(s, 1, &digit)) {
            return false;
        }

        while (take_number(s, 1, &digit)) {
            /* fractions are cut */
        }
    }

    return out->hour <= 23 && out->minute <= 59 && out->second <= 60;
}


static bool
take_offset(gh_str_t *s, int64_t *out_s)
{
    unsigned hours, minutes;
    int64_t sign = 1;

    if (take_char(s, 'Z', 'z')) {
        *out_s = 0;
        return true;
    }

    if (take_char(s, '-', '-')) {
        sign = -1;

    } else if (!take_char(s, '+', '+')) {
        return false;
    }

    if (!take_number(s, 2, &hours) || !take_char(s, ':', ':')
        || !take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
    {
        return false;
    }

    *out_s = sign * (int64_t) (hours * 3600 + minutes * 60);

    return true;
}


gh_rc_t
gh_time_rfc3339(int64_t at_s, gh_buf_t *out)
{
    if (!in_range(at_s)) {
        return GH_INVALID;
    }

    date_t d = date_from_days(at_s / DAY_S);
    unsigned s = (unsigned) (at_s % DAY_S);

    return gh_buf_add_fmt(out, "%04u-%02u-%02uT%02u:%02u:%02uZ", d.year,
                          d.month, d.day, s / 3600, s / 60 % 60, s % 60);
}


gh_rc_t
gh_time_http(int64_t at_s, gh_buf_t *out)
{
    static const char days[7][4] = { "Thu", "Fri", "Sat", "Sun",
                                     "Mon", "Tue", "Wed" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec" };

    if (!in_range(at_s)) {
        return GH_INVALID;
    }

    date_t d = date_from_days(at_s / DAY_S);
    unsigned s = (unsigned) (at_s % DAY_S);

    return gh_buf_add_fmt(out, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                          days[at_s / DAY_S % 7], d.day, months[d.month - 1],
                          d.year, s / 3600, s / 60 % 60, s % 60);
}


uint32_t
gh_period_number(gh_period_t period, int64_t at_s)
{
    int64_t days = clamp(at_s) / DAY_S;

    if (period == GH_PERIOD_DAY) {
        return (uint32_t) days;
    }

    date_t d = date_from_days(days);

    return GH_PERIOD_MONTHS + (d.year - 1970) * 12 + d.month - 1;
}


int64_t
gh_period_end(gh_period_t period, uint32_t number)
{
    if (period == GH_PERIOD_DAY) {
        return ((int64_t) number + 1) * DAY_S;
    }

    uint32_t next = number - GH_PERIOD_MONTHS + 1;

    return days_from_date((date_t){ 1970 + next / 12, next % 12 + 1, 1 })
           * DAY_S;
}


gh_period_t
gh_period_of(uint32_t number)
{
    return number < GH_PERIOD_MONTHS ? GH_PERIOD_DAY : GH_PERIOD_MONTH;
}


gh_rc_t
gh_duration_parse(gh_str_t text, int64_t *out_s)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };

    uint64_t unit_s = 1, n;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.len > 0 && text.data[text.len - 1] == units[i].letter) {
            unit_s = units[i].seconds;
            text.len--;
            break;
        }
    }

    gh_rc_t rc = gh_str_to_u64(text, (uint64_t) GH_TIME_MAX_S / unit_s, &n);

    if (rc == GH_OK) {
        *out_s = (int64_t) (n * unit_s);
    }

    return rc;
}


static bool
leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}


static unsigned
days_in(unsigned year, unsigned month)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30,
                                      31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && leap(year) ? 1u : 0u);
}


/*
 * Days since 1970. Years are counted from March, so that the leap day is the
 * last of a year, and months of 31 30 31 30 31 days repeat: 153 in five.
 */
static int64_t
days_from_date(date_t d)
{
    int64_t year = d.month > 2 ? d.year : (int64_t) d.year - 1;
    int64_t month = (d.month + 9) % 12; /* March is 0 */
    int64_t days = year * 365 + year / 4 - year / 100 + year / 400;

    /* 719468: from 0000-03-01 to 1970-01-01 */
    return days + (153 * month + 2) / 5 + d.day - 1 - 719468;
}


/* The inverse, for days >= 0. */
static date_t
date_from_days(int64_t days)
{
    int64_t cycle = (days + 719468) / DAYS_PER_400;
    int64_t day = (days + 719468) % DAYS_PER_400;

    /* of the 400 years; each term takes back a kind of leap day */
    int64_t year =
        (day - day / 1460 + day / 36524 - day / (DAYS_PER_400 - 1)) / 365;

    day -= year * 365 + year / 4 - year / 100;

    int64_t month = (5 * day + 2) / 153;

    return (date_t){
        .year = (unsigned) (cycle * 400 + year + (month >= 10 ? 1 : 0)),
        .month = (unsigned) (month < 10 ? month + 3 : month - 9),
        .day = (unsigned) (day - (153 * month + 2) / 5 + 1),
    };
}


static bool
in_range(int64_t at_s)
{
    return at_s >= 0 && at_s <= GH_TIME_MAX_S;
}


static int64_t
clamp(int64_t at_s)
{
    if (at_s < 0) {
        return 0;
    }

    return at_s < GH_TIME_MAX_S ? at_s : GH_TIME_MAX_S;
}
