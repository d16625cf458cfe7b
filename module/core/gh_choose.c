/*
 * Weighted rendezvous hashing in integers: of every deployment, the pair of
 * key and name gives a random number u in (0, 1], and the smallest
 * -log2(u) / weight wins (an exponential variate per deployment, whose rate
 * is the weight). Each one's number depends on nothing but itself, so a
 * change of weights moves only keys for which the changed ones win or lose.
 */

#include "gh_choose.h"

#define FRACTION 44 /* bits behind the point of a logarithm */
#define STEPS 128


static uint64_t mix(uint64_t x);
static uint64_t minus_log2(uint64_t u);
static bool beats(const gh_choice_t *a, uint64_t log_a, const gh_choice_t *b,
                  uint64_t log_b);
static uint32_t weight_of(const gh_choice_t *c);


/*
 * log2(1 + i / 128) in 2^-44, rounded; one more than the steps need, for the
 * second difference of the last.
 */
/* clang-format off */
static const uint64_t log2_table[STEPS + 2] = {
                 0,   197511966174,   393498728203,   587983661210,
      780989607032,   972538890325,  1162653334058,  1351354274431,
     1538662575249,  1724598641763,  1909182434011,  2092433479674,
     2274370886479,  2455013354149,  2634379185942,  2812486299775,
     2989352238971,  3164994182624,  3339428955616,  3512673038286,
     3684742575774,  3855653387050,  4025420973643,  4194060528077,
     4361586942029,  4528014814220,  4693358458051,  4857631908988,
     5020848931714,  5183023027047,  5344167438643,  5504295159489,
     5663418938183,  5821551285030,  5978704477942,  6134890568159,
     6290121385795,  6444408545215,  6597763450247,  6750197299245,
     6901721089990,  7052345624457,  7202081513432,  7350939181000,
     7498928868897,  7646060640740,  7792344386135,  7937789824662,
     8082406509755,  8226203832462,  8369191025109,  8511377164857,
     8652771177154,  8793381839104,  8933217782733,  9072287498168,
     9210599336733,  9348161513956,  9484982112499,  9621069085004,
     9756430256872,  9891073328961, 10025005880212, 10158235370214,
    10290769141693, 10422614422944, 10553778330190, 10684267869897,
    10814089941009, 10943251337144, 11071758748725, 11199618765060,
    11326837876366, 11453422475751, 11579378861140, 11704713237154,
    11829431716943, 11953540323978, 12077044993797, 12199951575704,
    12322265834436, 12443993451784, 12565140028173, 12685711084214,
    12805712062212, 12925148327635, 13044025170561, 13162347807080,
    13280121380664, 13397350963518, 13514041557880, 13630198097310,
    13745825447937, 13860928409686, 13975511717467, 14089580042352,
    14203137992712, 14316190115337, 14428740896524, 14540794763152,
    14652356083722, 14763429169380, 14874018274916, 14984127599744,
    15093761288857, 15202923433765, 15311618073407, 15419849195055,
    15527620735184, 15634936580337, 15741800567962, 15848216487237,
    15954188079876, 16059719040921, 16164813019509, 16269473619635,
    16373704400891, 16477508879192, 16580890527489, 16683852776465,
    16786399015221, 16888532591940, 16990256814549, 17091574951355,
    17192490231683, 17293005846488, 17393124948961, 17492850655125,
    17592186044416, 17691134160251,
};
/* clang-format on */


uint64_t
gh_choose_hash(gh_str_t s)
{
    static const gh_sipkey_t everywhere = { 0, 0 };

    return gh_siphash(&everywhere, s);
}


int
gh_choose(const gh_choice_t *choices, size_t n, uint64_t key_hash)
{
    int winner = -1;
    uint64_t winners_log = 0;

    for (size_t i = 0; i < n; i++) {
        const gh_choice_t *c = &choices[i];

        if (c->weight == 0) {
            continue;
        }

        uint64_t log = minus_log2(mix(key_hash ^ mix(c->name_hash)));

        if (winner < 0 || beats(c, log, &choices[winner], winners_log)) {
            winner = (int) i;
            winners_log = log;
        }
    }

    return winner;
}


/* splitmix64's finalizer: every bit of x reaches every bit of the result. */
static uint64_t
mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);

    return x ^ (x >> 31);
}


/*
 * -log2(u / 2^64) in 2^-44, at most 64. From the table by Newton's forward
 * differences to the second order. Off by less than 2^-23, and by less than
 * 2^-26 where it is below 2^-7: that is where the winners are when a weight
 * of 0.01 % wins, so even its share is right to one part in a thousand.
 */
static uint64_t
minus_log2(uint64_t u)
{
    u |= 1; /* 0 has no logarithm */

    unsigned zeros = (unsigned) __builtin_clzll(u);
    uint64_t mantissa = u << zeros; /* 1.xxx, the point behind bit 63 */
    size_t i = mantissa >> 56 & (STEPS - 1);
    uint64_t t = mantissa >> 32 & 0xffffff; /* of the step, in 2^-24 */

    uint64_t a = log2_table[i], b = log2_table[i + 1], c = log2_table[i + 2];
    uint64_t bend = (b - a) - (c - b); /* concave: never negative */
    uint64_t log =
        a + ((b - a) * t >> 24) + ((bend * (t * ((1 << 24) - t) >> 24)) >> 25);

    return ((uint64_t) (zeros + 1) << FRACTION) - log;
}


/* log_a / weight_a < log_b / weight_b; below 2^50 * 2^14 on both sides. */
static bool
beats(const gh_choice_t *a, uint64_t log_a, const gh_choice_t *b,
      uint64_t log_b)
{
    uint64_t left = log_a * weight_of(b);
    uint64_t right = log_b * weight_of(a);

    /* equal: the same one wins in whatever order they are listed */
    return left < right || (left == right && a->name_hash < b->name_hash);
}


static uint32_t
weight_of(const gh_choice_t *c)
{
    return c->weight < GH_WEIGHT_ALL ? c->weight : GH_WEIGHT_ALL;
}


gh_rc_t
gh_weight_parse(gh_str_t text, uint32_t *out)
{
    gh_str_t fraction;
    uint64_t whole, hundredths = 0;

    if (text.len == 0 || text.data[text.len - 1] != '%') {
        return GH_INVALID;
    }

    text.len--;
    text = gh_str_cut(text, '.', &fraction);

    if (gh_str_to_u64(text, 100, &whole) != GH_OK) {
        return GH_INVALID;
    }

    if (fraction.data != NULL) {
        if (fraction.len > 2
            || gh_str_to_u64(fraction, 99, &hundredths) != GH_OK) {
            return GH_INVALID;
        }

        hundredths *= fraction.len == 1 ? 10 : 1;
    }

    if (whole * 100 + hundredths > GH_WEIGHT_ALL) {
        return GH_INVALID;
    }

    *out = (uint32_t) (whole * 100 + hundredths);

    return GH_OK;
}


gh_rc_t
gh_weight_text(uint32_t weight, gh_buf_t *out)
{
    char text[16];
    gh_buf_t b = GH_BUF(text);
    uint32_t hundredths = weight % 100;

    (void) gh_buf_add_u64(&b, weight / 100);

    if (hundredths > 0) {
        (void) gh_buf_add_char(&b, '.');
        (void) gh_buf_add_char(&b, (char) ('0' + hundredths / 10));

        if (hundredths % 10 > 0) {
            (void) gh_buf_add_char(&b, (char) ('0' + hundredths % 10));
        }
    }

    (void) gh_buf_add_char(&b, '%'); /* at most 12 bytes in all */

    return gh_buf_add(out, gh_buf_str(&b));
}
