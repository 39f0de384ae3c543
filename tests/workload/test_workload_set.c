/* test_workload_set.c: names and overrides, workloads derived from others, the built-in workloads and suites, and
 * users' files. Whatever is parsed is written as a spec that parses to the same again. */
#include "workload_fixture.h"

#include <unistd.h>

/* ---- names and overrides --------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *line, *name, *spec;
    } cases[] = {
        {"gpt2-1k", "gpt2-1k", "h=12,q=1024,d=64,mask=causal"},
        {"gpt2-1k,q=64", "gpt2-1k,q=64", "h=12,q=64,d=64,mask=causal"},
        {"gpt2-1k,q=64,class=large", "gpt2-1k,q=64", "h=12,q=64,d=64,mask=causal,class=large"},
        {"gpt2-1k,mask=window,window=7", "gpt2-1k,mask=window,window=7", "h=12,q=1024,d=64,mask=window,window=7"},
        {"gpt2-1k,left=3", "gpt2-1k,left=3", "h=12,q=1024,d=64,left=3"},
        {"mistral-7b-window,mask=causal,dtype=f32", "mistral-7b-window,mask=causal,dtype=f32",
         "h=32,hkv=8,q=2048,d=128,mask=causal"},
        {"mistral-7b-window,window=9,dtype=f32", "mistral-7b-window,window=9,dtype=f32",
         "h=32,hkv=8,q=2048,d=128,mask=window,window=9"},
        {"d=4,q=3,h=2,class=masked", "h=2,q=3,d=4", "h=2,q=3,d=4,class=masked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        workload w = parsed(cases[i].line);
        assert_string_equal(w.name, cases[i].name);
        assert_string_equal(w.spec, cases[i].spec);
        workload_free(&w);
    }
    workload w = parsed("minilm-passage-l0,q_file=" TEST_TENSORS "/activations/passage-layer2-q.npy");
    assert_string_equal(w.name, "minilm-passage-l0,q_file=passage-layer2-q.npy");
    assert_non_null(strstr(w.spec, "q_file=" TEST_TENSORS "/activations/passage-layer2-q.npy"));
    workload_free(&w);
}

/* Sizes that are not written come from the files; the spec then has them all, so that it can be read without the
 * files. */
static void test_sizes_from_files(void **state)
{
    (void)state;
    workload w =
        parsed("q_file=" TEST_TENSORS "/activations/sentences-layer3-q.npy,k_file=" TEST_TENSORS
               "/activations/sentences-layer3-k.npy,v_file=" TEST_TENSORS "/activations/sentences-layer3-v.npy");
    assert_non_null(strstr(w.spec, "b=8,h=12,hkv=12,q=19,k=19,d=32,dv=32,"));
    workload_free(&w);
    w = parsed("h=12,q=3,d=32,k_file=activations/passage-layer0-k.npy"); /* comes with the program */
    assert_true(w.problem.k == 256 && w.problem.hkv == 12 && w.problem.q == 3);
    workload_free(&w);
    w = parsed("b=1,h=1,hkv=1,q=3,k=4,d=5,dv=6,v_file=no/such/file.npy"); /* not looked into before it is filled */
    workload_free(&w);
}

static void test_changed_workloads(void **state)
{
    (void)state;
    char reason[512];
    workload from = parsed("llama3-8b-chunk,dtype=f32"), to;
    assert_int_equal(workload_with_kv_heads(&from, 2, &to, reason, sizeof reason), 1);
    assert_string_equal(to.name, "llama3-8b-chunk,dtype=f32,h=8,hkv=2");
    assert_string_equal(to.spec, "h=8,hkv=2,q=512,k=4096,d=128,mask=causal,q_pos=3584");
    assert_true(to.cost * 4 == from.cost);
    workload again = parsed(to.name);
    assert_same(&to, &again);
    workload_free(&again);
    workload less;
    assert_int_equal(workload_with_kv_heads(&to, 1, &less, reason, sizeof reason), 1);
    assert_string_equal(less.name, "llama3-8b-chunk,dtype=f32,h=4,hkv=1");
    workload_free(&less);
    workload_free(&to);

    assert_int_equal(workload_with_class(&from, INPUT_OUTLIERS, &to, reason, sizeof reason), 1);
    assert_string_equal(to.name, from.name);
    assert_non_null(strstr(to.spec, ",class=outliers"));
    again = parsed(to.spec);
    assert_same(&to, &again);
    workload_free(&again);
    workload_free(&to);
    assert_int_equal(workload_with_kv_heads(&from, 9, &to, reason, sizeof reason), 0);
    assert_int_equal(workload_with_kv_heads(&from, 0, &to, reason, sizeof reason), 0);
    workload_free(&from);

    from = parsed("h=6,hkv=2,q=3,d=4");
    assert_int_equal(workload_with_kv_heads(&from, 1, &to, reason, sizeof reason), 1);
    assert_string_equal(to.name, "h=3,hkv=1,q=3,d=4");
    workload_free(&to);
    workload_free(&from);

    from = parsed("minilm-passage-l0");
    assert_int_equal(workload_with_kv_heads(&from, 1, &to, reason, sizeof reason), 0);
    assert_int_equal(workload_with_class(&from, INPUT_LARGE, &to, reason, sizeof reason), 0);
    assert_null(strchr(reason, '\n'));
    workload_free(&from);
}

static void test_classes(void **state)
{
    (void)state;
    for (int i = 0; i < INPUT_CLASSES; i++) {
        assert_int_equal(input_class_find(input_class_name(i)), i);
        assert_true(strlen(input_class_statement(i)) > 10);
    }
    assert_int_equal(input_class_find("weird"), -1);
}

/* ---- built-in workloads, and files ----------------------------------------------------------------------------- */

static void test_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < workload_set_count(builtin); i++) {
        assert_round_trip(workload_set_name(builtin, i));
        assert_string_equal(workload_set_find(builtin, workload_set_name(builtin, i)), workload_set_line(builtin, i));
    }
    for (int i = 0; i < suite_count(builtin); i++)
        for (const char *const *line = suite_members(builtin, suite_name(builtin, i)); *line; line++)
            assert_round_trip(*line);
    assert_round_trip("h=2,q=3,d=4,scale=0.1,softcap=0.3,class=increasing");
    assert_round_trip("h=2,q=3,d=4,scale=1.17549435e-38,q_pos=7");
    assert_round_trip("b=2,h=2,q=3,k=5,d=4,lens=2:5");
}

static void test_suites(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int members;
    } suites[] = {{"smoke", 20}, {"models", 31}, {"sweep", 19}, {"layouts", 10}, {"edge", 60}, {"worked-examples", 4}};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        const char *const *const members = suite_members(builtin, suites[i].name);
        int count = 0;
        assert_non_null(members);
        for (; members[count]; count++)
            for (int j = 0; j < count; j++) assert_string_not_equal(members[j], members[count]);
        if (count < suites[i].members) fail_msg("suite %s has %d members", suites[i].name, count);
    }
    assert_null(suite_members(builtin, "no-such-suite"));
    for (int i = 0; i < suite_count(builtin); i++) assert_true(strlen(suite_about(builtin, i)) > 10);
}

/* Every model is in the suite, under its own name, with nothing but its type changed. */
static void test_models_suite_is_whole(void **state)
{
    (void)state;
    const char *const *const members = suite_members(builtin, "models");
    for (int i = 0; i < workload_set_count(builtin); i++) {
        const char *const name = workload_set_name(builtin, i);
        bool found = strncmp(name, "example-", 8) == 0;
        for (int m = 0; members[m]; m++) {
            const size_t length = strlen(name);
            if (strncmp(members[m], name, length) != 0) continue;
            found = found || !members[m][length] || strcmp(members[m] + length, ",dtype=f32") == 0;
        }
        if (!found) fail_msg("%s is not in suite models", name);
    }
}

static void test_true_models(void **state)
{
    (void)state;
    static const struct {
        const char *name, *spec;
    } models[] = {
        {"llama3-8b-decode-b16", "b=16,h=32,hkv=8,q=1,k=4096,d=128,dtype=bf16,lens=257:4096"},
        {"bert-base-512", "h=12,q=512,d=64,lens=384"},
        {"t5-translate-cross", "b=8,h=8,q=64,d=64,scale=1,bias=2"},
        {"gpt-oss-window", "h=64,hkv=8,q=1024,d=64,mask=window,window=128,sinks=1,dtype=bf16"},
        {"whisper-cross", "h=20,q=1,k=1500,d=64"},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) assert_spec(models[i].name, models[i].spec);
}

/* Reads `text` as a user's file into a fresh set; returns the set, or NULL with the reason. */
static workload_set *set_of(const char *text, char *reason, size_t reason_size)
{
    char path[] = "/tmp/attnbench-workloads-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    workload_set *set = workload_set_new(reason, reason_size);
    assert_non_null(set);
    if (!workload_set_read(set, path, reason, reason_size)) {
        if (!strstr(reason, path)) fail_msg("'%s' does not name the file", reason);
        workload_set_free(set);
        set = NULL;
    }
    unlink(path);
    return set;
}

static void test_user_files(void **state)
{
    (void)state;
    char reason[512];
    workload_set *set =
        set_of("# mine\n\nworkload gpt2-1k h=1,q=8,d=8  # smaller\nsuite mine about it\n  mine-too\nh=2,q=3,d=4\n"
               "gpt2-1k,q=9\nworkload mine-too h=3,q=1,d=8\r\nsuite smoke\ngpt2-1k",
               reason, sizeof reason);
    assert_non_null(set);
    assert_string_equal(workload_set_find(set, "gpt2-1k"), "h=1,q=8,d=8");
    assert_string_equal(workload_set_find(set, "mine-too"), "h=3,q=1,d=8");
    assert_int_equal(workload_set_count(set), workload_set_count(builtin) + 1);
    const char *const *members = suite_members(set, "mine");
    assert_string_equal(members[0], "mine-too");
    assert_string_equal(members[1], "h=2,q=3,d=4");
    assert_string_equal(members[2], "gpt2-1k,q=9");
    assert_null(members[3]);
    members = suite_members(set, "smoke"); /* a later definition replaces the whole suite */
    assert_string_equal(members[0], "gpt2-1k");
    assert_null(members[1]);
    assert_int_equal(suite_count(set), suite_count(builtin) + 1);
    workload_set_free(set);
}

static void test_mistakes_in_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"h=2,q=3,d=4\n", ":1: expected 'workload"},
        {"\n\nworkload a/b h=2,q=3,d=4\n", ":3: expected a name"},
        {"workload x\n", ":1: expected a SPEC"},
        {"# c\nworkload x h=2,q=0,d=4\n", ":2: q=0"},
        {"workload x gpt2-1k\n", ":1: 'gpt2-1k' is neither"},
        {"suite s\nnope\n", ":2: 'nope' is neither"},
        {"suite s\nh=2,q=3,d=4\nh=2,q=3,d=4,lens=9\n", ":3: lens=9"},
        {"suite s\ngpt2-1k gpt2-1k\n", ":2: a member is one"},
        {"suite\n", ":1: expected a name"},
    };
    char reason[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        workload_set *const set = set_of(cases[i].text, reason, sizeof reason);
        if (set || strchr(reason, '\n') || !strstr(reason, cases[i].words))
            fail_msg("%zu: '%s' lacks '%s'", i, reason, cases[i].words);
    }
    workload_set *set = workload_set_new(reason, sizeof reason);
    assert_int_equal(workload_set_read(set, "/no/such/file", reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "/no/such/file: No such file"));
    assert_int_equal(workload_set_read(set, "/tmp", reason, sizeof reason), 0);
    workload_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sizes_from_files),
        cmocka_unit_test(test_changed_workloads),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_suites),
        cmocka_unit_test(test_models_suite_is_whole),
        cmocka_unit_test(test_true_models),
        cmocka_unit_test(test_user_files),
        cmocka_unit_test(test_mistakes_in_files),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
