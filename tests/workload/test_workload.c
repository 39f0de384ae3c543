/* test_workload.c: the grammar: what each key means, and that every mistake costs one clear line. */
#include "workload_fixture.h"

#include <math.h>

#include "workload/workload_keys.h"

/* ---- meanings -------------------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    workload w = parsed("h=6,q=5,d=16");
    const attn_problem *const p = &w.problem;
    assert_int_equal(p->size, sizeof *p);
    assert_true(p->b == 1 && p->h == 6 && p->hkv == 6 && p->q == 5 && p->k == 5 && p->d == 16 && p->dv == 16);
    assert_true(p->score == ATTN_SCORE_DOT && p->mask == 0 && p->pass == ATTN_FORWARD && p->form == ATTN_EXACT);
    assert_true(p->scale == 0.25f && p->softcap == 0 && p->q_pos == 0 && p->page_size == 0);
    assert_true(w.dtype == ATTN_F32 && w.kv_dtype == ATTN_F32 && w.out_dtype == ATTN_F32);
    assert_true(!w.key_lengths && !w.query_lengths && !w.has_class && w.input == INPUT_NORMAL && w.graph == -1);
    assert_string_equal(w.name, "h=6,q=5,d=16");
    workload_free(&w);
    w = parsed("h=2,k=7,d=3");
    assert_true(w.problem.q == 7 && w.problem.k == 7 && w.problem.scale == (float)(1 / sqrt(3.0)));
    workload_free(&w);
}

static void test_every_key_is_explained(void **state)
{
    (void)state;
    for (int key = 0; key < KEY_COUNT; key++) assert_non_null(spec_key_about((spec_key)key));
}

/* Each key by its effect on the struct; a key read into the wrong field, or not at all, shows here. */
static void test_every_key(void **state)
{
    (void)state;
    workload w = parsed(
        "b=2,h=8,hkv=4,q=3,k=9,d=32,dv=16,score=cosine,left=4,right=2,prefix=3,prefix_free=1,q_pos=-5,scale=2.5,"
        "softcap=30,alibi=1,sinks=1,head_scale=1,bias=2,dtype=bf16,kv_dtype=i8,out_dtype=f32,lens=9+0,q_lens=1+3,"
        "page=4,layout=bshd,row_pad=6,channel_stride=3,align=10,outputs=o+lse+weights,class=large");
    const attn_problem *p = &w.problem;
    assert_true(p->b == 2 && p->h == 8 && p->hkv == 4 && p->q == 3 && p->k == 9 && p->d == 32 && p->dv == 16);
    assert_true(p->score == ATTN_SCORE_COSINE && p->left == 4 && p->right == 2 && p->prefix == 3 && p->q_pos == -5);
    assert_int_equal(p->mask, ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX_FREE);
    assert_true(p->scale == 2.5f && p->softcap == 30 && p->page_size == 4);
    assert_true(w.alibi && w.sinks && w.head_scale && w.bias == 2 && w.bshd && !w.ragged && !w.v_in_k);
    assert_true(w.dtype == ATTN_BF16 && w.kv_dtype == ATTN_I8 && w.out_dtype == ATTN_F32);
    assert_true(w.key_lengths[0] == 9 && w.key_lengths[1] == 0 && w.query_lengths[0] == 1 && w.query_lengths[1] == 3);
    assert_true(w.row_pad == 6 && w.channel_stride == 3 && w.align == 10 && w.want_lse && w.want_weights &&
                w.has_class && w.input == INPUT_LARGE);
    workload_free(&w);

    w = parsed("h=2,q=3,k=4,d=4,broadcast=q+b+h,skew=1");
    assert_int_equal(w.broadcast, BROADCAST_SEQUENCES | BROADCAST_HEADS | BROADCAST_QUERIES);
    assert_true(w.skew && !w.k_in_q && strstr(w.spec, "broadcast=b+h+q") != NULL);
    workload_free(&w);
    w = parsed("h=2,q=3,d=4,k_in_q=1");
    assert_true(w.k_in_q && !w.broadcast && !w.skew);
    workload_free(&w);

    w = parsed(
        "h=2,hkv=1,q=64,d=16,dv=8,kv_cap=100,v_in_k=1,mask=window,window=5,prefix=2,pass=backward,block=8x4:band");
    p = &w.problem;
    assert_true(w.kv_cap == 100 && w.v_in_k && p->left == 4 && p->right == 0 && p->prefix == 2 &&
                p->pass == ATTN_BACKWARD);
    assert_int_equal(p->mask, ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX | ATTN_MASK_BLOCKS);
    assert_true(p->mask_block_q == 8 && p->mask_block_k == 4 && w.block_band && w.graph == -1);
    workload_free(&w);

    w = parsed("h=2,q=64,d=16,graph=5,ragged=1,form=low-rank,rank=7,outputs=o+weights");
    p = &w.problem;
    assert_true(w.graph == 5 && p->mask_block_q == 1 && p->mask_block_k == 1 && p->mask == ATTN_MASK_BLOCKS &&
                w.ragged);
    assert_true(p->form == ATTN_LOW_RANK && p->rank == 7 && !w.want_lse && w.want_weights);
    workload_free(&w);

    w = parsed("h=2,q=64,d=16,form=top-k,topk=9,score=additive,outputs=o+lse");
    p = &w.problem;
    assert_true(p->form == ATTN_TOP_K && p->topk == 9 && p->score == ATTN_SCORE_ADDITIVE && p->scale == 1);
    assert_true(w.want_lse && !w.want_weights);
    workload_free(&w);

    w = parsed("h=2,q=64,d=16,q_file=a/q.npy,k_file=a/k.npy,v_file=v.npy,b=1,hkv=2,k=64,dv=16,dtype=f16");
    assert_string_equal(w.q_file, "a/q.npy");
    assert_string_equal(w.k_file, "a/k.npy");
    assert_string_equal(w.v_file, "v.npy");
    assert_non_null(strstr(w.spec, "q_file=a/q.npy,k_file=a/k.npy,v_file=v.npy"));
    assert_non_null(strstr(w.name, "q_file=q.npy,k_file=k.npy,v_file=v.npy"));
    workload_free(&w);
}

static void test_masks(void **state)
{
    (void)state;
    assert_spec("h=1,q=9,d=4,mask=none", "h=1,q=9,d=4");
    assert_spec("h=1,q=9,d=4,right=0", "h=1,q=9,d=4,mask=causal");
    assert_spec("h=1,q=9,d=4,mask=causal,left=3", "h=1,q=9,d=4,mask=window,window=4");
    assert_spec("h=1,q=9,d=4,left=3", "h=1,q=9,d=4,left=3");
    assert_spec("h=1,q=9,d=4,right=2,left=1", "h=1,q=9,d=4,left=1,right=2");
    assert_spec("h=1,q=9,d=4,left=1,prefix=0", "h=1,q=9,d=4,left=1");
}

static void test_positions(void **state)
{
    (void)state;
    workload w = parsed("h=1,q=4,k=10,d=4,mask=causal,q_pos=end");
    assert_true(w.q_pos_end && w.problem.q_pos == 6);
    assert_non_null(strstr(w.spec, "q_pos=end"));
    workload_free(&w);
    w = parsed("b=2,h=1,q=4,k=10,d=4,mask=causal,q_pos=end,lens=8+3,q_lens=1+2");
    assert_true(w.q_pos_end && w.problem.q_pos == 7);
    workload_free(&w);
    assert_spec("h=1,q=4,k=10,d=4,mask=causal,q_pos=0", "h=1,q=4,k=10,d=4,mask=causal,q_pos=0");
    assert_spec("h=1,q=4,d=4,mask=causal,q_pos=0", "h=1,q=4,d=4,mask=causal");
    assert_spec("h=1,q=4,k=10,d=4", "h=1,q=4,k=10,d=4");
    static const char *const positional[] = {"mask=causal", "left=3", "right=1", "mask=window,window=2", "alibi=1"};
    for (size_t i = 0; i < sizeof positional / sizeof positional[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, "h=1,q=4,k=10,d=4,%s", positional[i]);
        assert_refused(line, "q_pos=0");
        assert_refused(line, "q_pos=end");
    }
}

static void test_lengths(void **state)
{
    (void)state;
    workload w = parsed("b=4,h=1,q=1,k=4096,d=8,lens=257:4096");
    assert_true(w.key_lengths[0] == 257 && w.key_lengths[1] == 1536 && w.key_lengths[2] == 2816 &&
                w.key_lengths[3] == 4096);
    workload_free(&w);
    w = parsed("h=1,q=1,k=4096,d=8,lens=257:4096");
    assert_int_equal(w.key_lengths[0], 4096);
    workload_free(&w);
    w = parsed("b=3,h=1,q=6,k=9,d=8,lens=5+9+2,q_lens=6");
    assert_true(w.key_lengths[0] == 5 && w.key_lengths[1] == 9 && w.key_lengths[2] == 2);
    assert_true(w.query_lengths[0] == 6 && w.query_lengths[1] == 6 && w.query_lengths[2] == 6);
    workload_free(&w);
    assert_spec("b=3,h=1,q=1,k=9,d=8,lens=1+5+9", "b=3,h=1,q=1,k=9,d=8,lens=1:9");
    assert_spec("b=3,h=1,q=1,k=9,d=8,lens=9+9+9", "b=3,h=1,q=1,k=9,d=8,lens=9");
    assert_spec("b=2,h=1,q=1,k=0,d=8,lens=0", "b=2,h=1,q=1,k=0,d=8,lens=0");
}

/* Operations: 2 (d + dv) for each pair that the mask keeps, counted here by hand. */
static void test_cost(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        double pairs;
    } cases[] = {
        {"h=3,q=4,k=10,d=8", 3 * 40},
        {"h=3,q=4,d=8,mask=causal", 3 * 10},
        {"h=1,q=4,k=6,d=8,mask=causal,q_pos=end", 3 + 4 + 5 + 6},
        {"h=1,q=5,d=8,mask=window,window=2", 1 + 2 * 4},
        {"b=2,h=1,q=2,k=9,d=8,lens=4+9", 2 * 4 + 2 * 9},
        {"b=2,h=1,q=3,k=9,d=8,lens=4+9,q_lens=1+3,mask=causal,q_pos=end", 4 + 7 + 8 + 9},
        {"h=1,q=20,d=8,graph=4", 100},
        {"h=1,q=3,k=0,d=8", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        workload w = parsed(cases[i].line);
        if (w.cost != 2 * 16 * cases[i].pairs) fail_msg("%s costs %g pairs", cases[i].line, w.cost / 32);
        workload_free(&w);
    }
    workload w = parsed("h=1,q=1000000000,d=8,mask=causal"); /* bounded, not counted row by row */
    assert_true(w.cost > 0 && isfinite(w.cost));
    workload_free(&w);
}

/* ---- mistakes -------------------------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"", "empty"},
        {"q=3,d=4", "missing: h"},
        {"h=2,d=4", "missing: q"},
        {"h=2,q=3", "missing: d"},
        {"h=2,k=0,d=4", "missing: q"},
        {"b=0,h=2,q=3,d=4", "b=0: must be a whole number from 1"},
        {"h=0,q=3,d=4", "h=0"},
        {"h=2,q=0,d=4", "q=0"},
        {"h=2,q=3,d=0", "d=0"},
        {"h=2,q=-3,d=4", "q=-3"},
        {"h=2,q=3,k=-1,d=4", "k=-1: must be a whole number from 0"},
        {"h=2,q=3,d=577", "to 576"},
        {"h=2,q=3,d=4,dv=577", "to 576"},
        {"h=2,q=99999999999999999999,d=4", "q=99999999999999999999: must be a whole number"},
        {"h=2,q=3.5,d=4", "q=3.5"},
        {"h=2,q=abc,d=4", "q=abc"},
        {"h=2,q=3x,d=4", "q=3x"},
        {"h=2,q= 3,d=4", "q= 3"},
        {"h=1048576,q=1099511627776,d=512", "Q would have more than 2^48"},
        {"h=1,q=1,k=1099511627776,d=512", "K would have more than 2^48"},
        {"h=1,q=33554432,d=1,bias=1", "the bias would have more than 2^48"},
        {"h=1,q=33554432,d=1,outputs=o+weights", "weights would have more than 2^48"},
        {"h=3,hkv=2,q=3,d=4", "hkv = 2 does not divide h = 3"},
        {"h=2,q=3,d=4,q=3", "q is given twice"},
        {"h=2,q=3,d=4,maks=causal", "did you mean 'mask'"},
        {"h=2,q=3,d=4,zzzzzz=1", "unknown key 'zzzzzz'"},
        {"h=2,q=3,d=4,", "key=value"},
        {"h=2,,q=3,d=4", "key=value"},
        {"h=2,q=3,d=", "key=value"},
        {"h=2,q=3,=4", "key=value"},
        {"h=2,q=3,d=4,gpt2-1k", "key=value"},
        {"h=2,q=3,d=4,mask=casual", "must be one of none, causal, window"},
        {"h=2,q=3,d=4,mask=window", "needs window=W"},
        {"h=2,q=3,d=4,window=3", "needs mask=window"},
        {"h=2,q=3,d=4,mask=window,window=0", "window=0"},
        {"h=2,q=3,d=4,mask=window,window=3,left=2", "give either"},
        {"h=2,q=3,d=4,mask=none,left=2", "contradicts"},
        {"h=2,q=3,d=4,mask=causal,right=2", "right=0"},
        {"h=2,q=3,d=4,left=-1", "left=-1"},
        {"h=2,q=3,d=4,prefix=2", "left limit"},
        {"h=2,q=3,d=4,mask=causal,prefix=2", "left limit"},
        {"h=2,q=3,d=4,mask=causal,prefix_free=1", "needs prefix"},
        {"h=2,q=3,d=4,prefix=2,prefix_free=1", "there is none"},
        {"h=2,q=3,d=4,mask=causal,q_pos=start", "q_pos=start"},
        {"h=2,q=3,d=4,mask=causal,q_pos=9223372036854775807", "q_pos="},
        {"h=2,q=3,d=4,scale=nan", "finite"},
        {"h=2,q=3,d=4,scale=inf", "finite"},
        {"h=2,q=3,d=4,scale=1e39", "finite"},
        {"h=2,q=3,d=4,scale=0.5x", "scale=0.5x"},
        {"h=2,q=3,d=4,softcap=-1", "at least 0"},
        {"h=2,q=3,d=4,alibi=2", "must be one of 0, 1"},
        {"h=2,q=3,d=4,bias=3", "must be one of 0, 1, 2"},
        {"h=2,q=3,d=4,dtype=float", "f32, f16, bf16"},
        {"h=2,q=3,d=4,dtype=i8", "kv_dtype=i8"},
        {"h=2,q=3,d=4,out_dtype=i8", "f32, f16, bf16"},
        {"h=2,q=3,d=4,score=mlp", "dot, cosine, additive"},
        {"b=2,h=2,q=3,d=4,lens=1+2+3", "3 lengths for b = 2"},
        {"b=2,h=2,q=3,d=4,lens=1+4", "0 to k = 3"},
        {"b=2,h=2,q=3,d=4,q_lens=4", "0 to q = 3"},
        {"b=2,h=2,q=3,d=4,lens=-1+2", "0 to k = 3"},
        {"b=2,h=2,q=3,d=4,lens=1+", "N1+N2"},
        {"b=2,h=2,q=3,d=4,lens=3:1", "ascending"},
        {"b=2,h=2,q=3,d=4,lens=1:9", "0 to k = 3"},
        {"h=2,q=3,d=4,page=0", "page=0"},
        {"h=2,q=3,d=4,layout=sbhd", "bhsd, bshd"},
        {"h=2,q=3,d=4,row_pad=-1", "row_pad=-1"},
        {"h=2,q=3,d=4,channel_stride=0", "channel_stride=0"},
        {"h=2,q=3,d=4,broadcast=b+x", "b, h, k and q"},
        {"h=2,q=3,d=4,broadcast=b+b", "b, h, k and q"},
        {"h=2,q=3,d=4,broadcast=k,page=2", "broadcast="},
        {"h=2,q=3,d=4,broadcast=k,pass=backward", "gradient"},
        {"h=2,hkv=1,q=3,d=4,k_in_q=1", "k_in_q=1"},
        {"h=2,q=3,k=5,d=4,k_in_q=1", "k_in_q=1"},
        {"h=2,q=3,d=4,k_in_q=1,kv_cap=9", "k_in_q=1"},
        {"h=2,q=3,d=4,k_in_q=1,class=masked", "of their own"},
        {"minilm-passage-l0,channel_stride=2", "drawn inputs"},
        {"h=2,q=3,d=4,align=64", "align=64"},
        {"h=2,q=3,d=4,align=6", "multiple of the 4 bytes"},
        {"h=2,q=3,d=4,kv_cap=2", "kv_cap=2"},
        {"h=2,q=3,d=4,kv_cap=8,page=2", "kv_cap="},
        {"h=2,q=3,d=4,ragged=1,bias=1", "ragged=1"},
        {"h=2,q=3,d=4,dv=8,v_in_k=1", "dv must not exceed d"},
        {"h=2,q=3,d=4,outputs=lse", "must be one of o"},
        {"h=2,q=3,d=4,pass=back", "forward, backward"},
        {"h=2,q=3,d=4,pass=backward,page=2", "exclude"},
        {"h=2,q=3,d=4,form=top-k", "need each other"},
        {"h=2,q=3,d=4,rank=2", "need each other"},
        {"h=2,q=3,d=4,form=low-rank,topk=2", "need each other"},
        {"h=2,q=3,d=4,block=8", "ROWSxKEYS"},
        {"h=2,q=3,d=4,block=8x", "ROWSxKEYS"},
        {"h=2,q=3,d=4,block=8x8:dense", "ROWSxKEYS"},
        {"h=2,q=3,d=4,block=0x8", "block=0"},
        {"h=2,q=3,d=4,block=8x8,graph=1", "exclude"},
        {"h=2,q=3,d=4,graph=4", "graph=4"},
        {"h=2,q=3,d=4,class=weird", "normal, outliers, increasing, large, masked"},
        {"q_file=no/such.npy", "neither in the current folder"},
        {"minilm-passage-l0,class=large", "class=large"},
        {"gpt2-2k", "did you mean 'gpt2-1k'"},
        {"quite-unknown-thing", "neither a named workload nor a SPEC"},
        {"gpt2-1k,", "key=value"},
        {"gpt2-1k,h=0", "h=0"},
        {"h=2,q=3,d=4\n", "control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_refused(cases[i].line, cases[i].words);
}

/* A reason never writes beyond its room, whatever the line. */
static void test_short_reasons(void **state)
{
    (void)state;
    char line[3000], reason[24];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    static const char *const starts[] = {"", "h=2,q=3,d=4,mask=", "h=", "h=2,q=3,d=4,lens="};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        workload w;
        memcpy(line, starts[i], strlen(starts[i]));
        memset(reason, 'r', sizeof reason);
        assert_int_equal(workload_parse(line, builtin, &w, reason, sizeof reason - 4), 0);
        assert_non_null(memchr(reason, 0, sizeof reason - 4));
        assert_memory_equal(reason + sizeof reason - 4, "rrrr", 4);
        memset(line, 'x', sizeof line - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_is_explained),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_short_reasons),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
