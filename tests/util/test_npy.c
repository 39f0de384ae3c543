/* test_npy.c: .npy files survive the round trip, and damaged ones cost one line each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/npy.h"

static char folder[] = "/tmp/attnbench-npy-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* A file with this dictionary as its header and `size` bytes of data. */
static void write_file(const char *path, int version, const char *dictionary, size_t size)
{
    unsigned char bytes[1024] = "\x93NUMPY";
    const size_t length = strlen(dictionary), prefix = version == 1 ? 10 : 12;
    bytes[6] = (unsigned char)version;
    bytes[8] = (unsigned char)(length & 0xff);
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + prefix, dictionary, length);
    for (size_t i = 0; i < size; i++) bytes[prefix + length + i] = (unsigned char)i;
    write_bytes(path, bytes, prefix + length + size);
}

/* Reading fails; the reason is one line that names the file and holds `words`. */
static void assert_refused(const char *path, const char *words)
{
    npy_array a;
    char reason[512] = "";
    assert_int_equal(npy_read(path, &a, reason, sizeof reason), 0);
    assert_null(a.data);
    assert_null(strchr(reason, '\n'));
    if (!strstr(reason, words) || !strstr(reason, path)) fail_msg("'%s' lacks '%s' or the path", reason, words);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const types[] = {"f4", "f8", "f2", "u2", "i1", "i4", "i8"};
    static const int64_t shapes[][8] = {{7}, {2, 3, 5}, {1, 2, 3, 4}, {0, 4}, {1, 1, 1, 2, 1, 3, 1, 2}};
    static const int axes[] = {1, 3, 4, 2, 8};
    unsigned char data[64 * 8];
    char reason[512];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(37 * i + 11);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (size_t s = 0; s < sizeof axes / sizeof axes[0]; s++) {
            const char *const path = in_folder("round.npy");
            npy_array a;
            int64_t count = 1;
            for (int axis = 0; axis < axes[s]; axis++) count *= shapes[s][axis];
            assert_int_equal(npy_write(path, types[t], axes[s], shapes[s], data, reason, sizeof reason), 1);
            assert_int_equal(npy_read(path, &a, reason, sizeof reason), 1);
            assert_string_equal(a.type, types[t]);
            assert_int_equal(a.axes, axes[s]);
            assert_int_equal(a.count, count);
            assert_memory_equal(a.shape, shapes[s], sizeof(int64_t) * (size_t)axes[s]);
            assert_memory_equal(a.data, data, (size_t)(count * (types[t][1] - '0')));
            npy_free(&a);
            assert_null(a.data);
        }
}

static void test_scalar_has_no_axes(void **state)
{
    (void)state;
    const double x = 2.5;
    char reason[512];
    npy_array a;
    assert_int_equal(npy_write(in_folder("scalar.npy"), "f8", 0, NULL, &x, reason, sizeof reason), 1);
    assert_int_equal(npy_read(in_folder("scalar.npy"), &a, reason, sizeof reason), 1);
    assert_int_equal(a.axes, 0);
    assert_int_equal(a.count, 1);
    assert_memory_equal(a.data, &x, sizeof x);
    npy_free(&a);
}

/* What NumPy itself promises: data begins at a multiple of 64, the header ends in a newline. */
static void test_written_as_numpy_does(void **state)
{
    (void)state;
    const float x[3] = {1, 2, 3};
    char reason[512], head[128];
    assert_int_equal(npy_write(in_folder("form.npy"), "f4", 1, (int64_t[]){3}, x, reason, sizeof reason), 1);
    FILE *f = fopen(in_folder("form.npy"), "rb");
    assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
    fclose(f);
    const size_t length = (size_t)(unsigned char)head[8] + ((size_t)(unsigned char)head[9] << 8);
    assert_int_equal((10 + length) % 64, 0);
    assert_int_equal(head[10 + length - 1], '\n');
    head[10 + length - 1] = 0;
    assert_non_null(strstr(head + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
}

static void test_reads_real_files_and_headers(void **state)
{
    (void)state;
    char reason[512];
    npy_array a;
    assert_int_equal(npy_read_header(TEST_TENSORS "/activations/passage-layer0-q.npy", &a, reason, sizeof reason), 1);
    assert_string_equal(a.type, "f4");
    assert_memory_equal(a.shape, ((int64_t[]){1, 12, 256, 32}), 4 * sizeof(int64_t));
    assert_null(a.data);
    assert_int_equal(npy_read(TEST_TENSORS "/activations/sentences-key_lengths.npy", &a, reason, sizeof reason), 1);
    assert_string_equal(a.type, "i4");
    assert_memory_equal(a.data, ((int32_t[]){16, 16, 10, 4, 19, 19, 7, 14}), 32);
    npy_free(&a);
}

static void test_other_spellings(void **state)
{
    (void)state;
    char reason[512];
    npy_array a;
    static const struct {
        int version;
        const char *dictionary;
    } good[] = {
        {1, "{\"shape\": (2, 2,), \"descr\": \"<f4\", \"fortran_order\": False}"},
        {2, "{'descr':'=f4','fortran_order':False,'shape':(4,)}"},
        {3, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }          \n"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        write_file(in_folder("good.npy"), good[i].version, good[i].dictionary, 16);
        assert_int_equal(npy_read(in_folder("good.npy"), &a, reason, sizeof reason), 1);
        assert_int_equal(a.count, 4);
        assert_int_equal(((unsigned char *)a.data)[15], 15);
        npy_free(&a);
    }
}

static void test_damaged_headers(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *dictionary, *words;
    } bad[] = {
        {4, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", "version"},
        {1, "{'descr': '>f4', 'fortran_order': False, 'shape': (4,)}", "little-endian"},
        {1, "{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", "type is not taken"},
        {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", "type"},
        {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "Fortran"},
        {1, "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (4,)}", "fortran_order"},
        {1, "{'descr': '<f4', 'fortran_order': False}", "lacks"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", "shape"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4)}", "8 axes"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "shape"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "overflows"},
        {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693954,)}",
         "overflows"}, /* 16 bytes modulo 2^64 */
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", "truncated"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "truncated"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "more than it should"},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'extra': 1}", "unknown entry"},
        {1, "{'descr': '<f4", "type"},
        {1, "nonsense", "dictionary"},
        {1, "", "dictionary"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(in_folder("bad.npy"), bad[i].version, bad[i].dictionary, 16);
        assert_refused(in_folder("bad.npy"), bad[i].words);
    }
}

static void test_damaged_files(void **state)
{
    (void)state;
    assert_refused(in_folder("missing.npy"), "No such file");
    assert_refused(folder, "regular file");
    write_bytes(in_folder("bad.npy"), "", 0);
    assert_refused(in_folder("bad.npy"), "too short");
    write_bytes(in_folder("bad.npy"), "PK\3\4 a zip archive", 18);
    assert_refused(in_folder("bad.npy"), "not a .npy");
    write_bytes(in_folder("bad.npy"), "\x93NUMPY\1\0\xff\x00{'descr'", 18);
    assert_refused(in_folder("bad.npy"), "truncated within its header");
    write_bytes(in_folder("bad.npy"), "\x93NUMPY\2\0\xff\xff\xff\x7f{'descr'", 20);
    assert_refused(in_folder("bad.npy"), "64 KiB");
}

/* A sparse file may hold what its header promises and still not fit. */
static void test_larger_than_memory(void **state)
{
    (void)state;
    const char *const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}";
    write_file(in_folder("sparse.npy"), 1, dictionary, 0);
    if (truncate(in_folder("sparse.npy"), (off_t)(10 + strlen(dictionary)) + ((off_t)1 << 42)) != 0) {
        print_message("skipped: this file system has no sparse files of 4 TiB\n");
        skip();
    }
    assert_refused(in_folder("sparse.npy"), "do not fit");
    unlink(in_folder("sparse.npy"));
}

/* A failed write leaves neither the file nor a temporary one, and an old file stays whole. */
static void test_failed_write(void **state)
{
    (void)state;
    const float x[2] = {1, 2};
    char reason[512] = "", path[300];
    snprintf(path, sizeof path, "%s/no/such/folder.npy", folder);
    assert_int_equal(npy_write(path, "f4", 1, (int64_t[]){2}, x, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, path));
    assert_null(strchr(reason, '\n'));
    assert_int_equal(npy_write(in_folder("type.npy"), "c8", 1, (int64_t[]){1}, x, reason, sizeof reason), 0);
    assert_int_not_equal(access(in_folder("type.npy"), F_OK), 0);
    assert_int_equal(npy_write("/dev/full/x.npy", "f4", 1, (int64_t[]){2}, x, reason, sizeof reason), 0);
}

static void test_digest(void **state)
{
    (void)state;
    char one[17], two[17];
    write_bytes(in_folder("empty"), "", 0);
    assert_int_equal(file_digest(in_folder("empty"), one), 1);
    assert_string_equal(one, "cbf29ce484222325"); /* the published offset basis and 'a' of FNV-1a */
    write_bytes(in_folder("a"), "a", 1);
    assert_int_equal(file_digest(in_folder("a"), two), 1);
    assert_string_equal(two, "af63dc4c8601ec8c");
    assert_int_equal(file_digest(in_folder("missing"), one), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_scalar_has_no_axes),
        cmocka_unit_test(test_written_as_numpy_does),
        cmocka_unit_test(test_reads_real_files_and_headers),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_larger_than_memory),
        cmocka_unit_test(test_failed_write),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
