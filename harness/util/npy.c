/* npy.c: .npy files. A file is checked before memory is allocated: the header's length, type, order and shape, then
 * that the file holds exactly as many bytes as these say. */
#include "npy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard_pages.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are read and written as they lie in memory");

enum { axes_most = 8, header_most = 1 << 16, magic_size = 6 };
static const char magic[magic_size + 1] = "\x93NUMPY";
static const char accepted[] = "f4 f8 f2 u2 i1 i4 i8 (little-endian)";

static int64_t element_size(const char type[3])
{
    static const char *const known[] = {"f4", "f8", "f2", "u2", "i1", "i4", "i8"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(type, known[i]) == 0) return type[1] - '0';
    return 0;
}

/* ---- the header: a Python dictionary of three entries ---------------------------------------------------------- */

static void skip_space(const char **at)
{
    while (isspace((unsigned char)**at)) ++*at;
}

static bool take_character(const char **at, char wanted)
{
    skip_space(at);
    if (**at != wanted) return false;
    ++*at;
    return true;
}

static bool take_string(const char **at, char *out, size_t out_size)
{
    skip_space(at);
    const char quote = **at;
    if (quote != '\'' && quote != '"') return false;
    const char *const begin = ++*at, *const end = strchr(begin, quote);
    if (!end || (size_t)(end - begin) >= out_size) return false;
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = 0;
    *at = end + 1;
    return true;
}

static bool take_word(const char **at, const char *word)
{
    skip_space(at);
    const size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0) return false;
    *at += length;
    return true;
}

static bool take_shape(const char **at, npy_array *a)
{
    if (!take_character(at, '(')) return false;
    for (a->axes = 0; !take_character(at, ')'); a->axes++) {
        if (a->axes == axes_most || !isdigit((unsigned char)**at)) return false;
        char *end;
        errno = 0;
        a->shape[a->axes] = strtoll(*at, &end, 10);
        if (errno) return false;
        *at = end;
        if (!take_character(at, ',') && (skip_space(at), **at != ')')) return false;
    }
    return true;
}

/* Returns NULL, or what is wrong. */
static const char *parse_dictionary(const char *text, npy_array *a, bool *fortran)
{
    bool has_type = false, has_order = false, has_shape = false;
    char key[32], descr[32] = "";
    const char *at = text;
    if (!take_character(&at, '{')) return "its header is not a dictionary";
    while (!take_character(&at, '}')) {
        if (!take_string(&at, key, sizeof key) || !take_character(&at, ':')) return "its header is damaged";
        if (strcmp(key, "descr") == 0) {
            if (!take_string(&at, descr, sizeof descr)) return "its type is not a plain one";
            has_type = true;
        } else if (strcmp(key, "fortran_order") == 0) {
            *fortran = take_word(&at, "True");
            if (!*fortran && !take_word(&at, "False")) return "its header is damaged at fortran_order";
            has_order = true;
        } else if (strcmp(key, "shape") == 0) {
            if (!take_shape(&at, a)) return "its shape is damaged, or has more than 8 axes";
            has_shape = true;
        } else {
            return "its header has an unknown entry";
        }
        if (!take_character(&at, ',') && (skip_space(&at), *at != '}')) return "its header is damaged";
    }
    if (!has_type || !has_order || !has_shape) return "its header lacks descr, fortran_order or shape";
    if (strlen(descr) != 3 || !strchr("<|=", descr[0])) return "its type is not little-endian and plain";
    memcpy(a->type, descr + 1, sizeof a->type);
    return element_size(a->type) ? NULL : "its type is not taken";
}

static const char *count_elements(npy_array *a)
{
    a->count = 1;
    for (int axis = 0; axis < a->axes; axis++) {
        if (a->shape[axis] > 0 && a->count > (INT64_MAX >> 4) / a->shape[axis]) return "its shape overflows";
        a->count *= a->shape[axis];
    }
    return NULL;
}

/* Reads up to the first element. Returns NULL, or what is wrong. */
static const char *read_header(FILE *f, npy_array *a)
{
    unsigned char head[magic_size + 6];
    if (fread(head, 1, magic_size + 4, f) != magic_size + 4) return "it is too short for a .npy file";
    if (memcmp(head, magic, magic_size) != 0) return "it is not a .npy file (no \\x93NUMPY at its start)";
    const int version = head[magic_size];
    if (version < 1 || version > 3) return "its format version is not 1, 2 or 3";
    const unsigned char *const size = head + magic_size + 2;
    uint32_t length = (uint32_t)size[0] | (uint32_t)size[1] << 8;
    if (version > 1) {
        if (fread(head + magic_size + 4, 1, 2, f) != 2) return "it is truncated within its header";
        length |= (uint32_t)size[2] << 16 | (uint32_t)size[3] << 24;
    }
    if (length > header_most) return "its header is longer than 64 KiB";
    char *text = malloc((size_t)length + 1);
    if (!text) return "memory is short";
    const char *wrong = "it is truncated within its header";
    if (fread(text, 1, length, f) == length) {
        bool fortran = false;
        text[length] = 0;
        wrong = parse_dictionary(text, a, &fortran);
        if (!wrong && fortran) wrong = "it is in Fortran order (save numpy.ascontiguousarray of it)";
        if (!wrong) wrong = count_elements(a);
    }
    free(text);
    return wrong;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int read_npy(const char *path, npy_array *out, bool with_data, char *reason, size_t reason_size)
{
    *out = (npy_array){0};
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* does not wait at a pipe, which is refused below */
    FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (!f) {
        if (fd >= 0) close(fd);
        snprintf(reason, reason_size, "%s: %s", path, strerror(errno));
        return 0;
    }
    int ok = 0;
    npy_array a = {0};
    struct stat st;
    const char *const wrong =
        fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) ? read_header(f, &a) : "it is not a regular file";
    if (wrong) {
        snprintf(reason, reason_size, "%s: %s; expected: C order, type one of %s", path, wrong, accepted);
        goto done;
    }
    const int64_t bytes = a.count * element_size(a.type), held = (int64_t)st.st_size - (int64_t)ftello(f);
    if (held != bytes) {
        snprintf(reason, reason_size,
                 "%s: its header promises %" PRId64 " bytes of data, the file holds %" PRId64 " (%s)", path, bytes,
                 held, held < bytes ? "truncated" : "more than it should");
        goto done;
    }
    if (with_data) {
        const int64_t available = memory_available();
        if (bytes > available || !(a.data = malloc(bytes ? (size_t)bytes : 1))) {
            snprintf(reason, reason_size, "%s: its %" PRId64 " bytes do not fit into the %" PRId64 " available", path,
                     bytes, available);
            goto done;
        }
        if (fread(a.data, 1, (size_t)bytes, f) != (size_t)bytes) {
            snprintf(reason, reason_size, "%s: cannot be read: %s", path, strerror(errno));
            goto done;
        }
    }
    *out = a;
    a.data = NULL;
    ok = 1;
done:
    free(a.data);
    fclose(f);
    return ok;
}

int npy_read(const char *path, npy_array *out, char *reason, size_t reason_size)
{
    return read_npy(path, out, true, reason, reason_size);
}

int npy_read_header(const char *path, npy_array *out, char *reason, size_t reason_size)
{
    return read_npy(path, out, false, reason, reason_size);
}

void npy_free(npy_array *a)
{
    free(a->data);
    *a = (npy_array){0};
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Magic, version 1.0, length and dictionary, padded so that the data begins at a multiple of 64 bytes. */
static size_t format_header(char out[512], const char *type, int axes, const int64_t *shape)
{
    char dictionary[384];
    int n = snprintf(dictionary, sizeof dictionary, "{'descr': '%s%s', 'fortran_order': False, 'shape': (",
                     type[1] == '1' ? "|" : "<", type);
    for (int axis = 0; axis < axes; axis++)
        n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "%s%" PRId64, axis ? ", " : "", shape[axis]);
    n += snprintf(dictionary + n, sizeof dictionary - (size_t)n, "%s), }", axes == 1 ? "," : "");
    const size_t prefix = magic_size + 4, whole = (prefix + (size_t)n + 1 + 63) / 64 * 64, length = whole - prefix;
    memcpy(out, magic, magic_size);
    out[magic_size] = 1;
    out[magic_size + 1] = 0;
    out[magic_size + 2] = (char)(length & 0xff);
    out[magic_size + 3] = (char)(length >> 8);
    memset(out + prefix, ' ', length);
    memcpy(out + prefix, dictionary, (size_t)n);
    out[whole - 1] = '\n';
    return whole;
}

int npy_write(const char *path, const char *type, int axes, const int64_t *shape, const void *data, char *reason,
              size_t reason_size)
{
    if (axes < 0 || axes > axes_most || strlen(type) != 2 || !element_size(type)) {
        snprintf(reason, reason_size, "%s: cannot write type %s with %d axes; types: %s", path, type, axes, accepted);
        return 0;
    }
    size_t count = 1;
    for (int axis = 0; axis < axes; axis++) count *= (size_t)shape[axis];
    const size_t size = (size_t)element_size(type);
    char header[512];
    const size_t header_size = format_header(header, type, axes, shape);

    char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp.%ld", path, (long)getpid()) < 0) {
        snprintf(reason, reason_size, "%s: memory is short", path);
        return 0;
    }
    FILE *f = fopen(temporary, "wbe");
    bool ok = f != NULL;
    if (ok) {
        ok =
            fwrite(header, 1, header_size, f) == header_size && fwrite(data, size, count, f) == count && fflush(f) == 0;
        const int cause = errno;
        ok = (fclose(f) == 0) && ok;
        if (!ok && cause) errno = cause;
    }
    ok = ok && rename(temporary, path) == 0;
    if (!ok) {
        snprintf(reason, reason_size, "%s: cannot be written: %s", path, strerror(errno));
        if (f) unlink(temporary);
    }
    free(temporary);
    return ok;
}

int file_digest(const char *path, char out[17])
{
    FILE *f = fopen(path, "rbe");
    if (!f) return 0;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    unsigned char block[1 << 14];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        for (size_t i = 0; i < n; i++) hash = (hash ^ block[i]) * UINT64_C(0x100000001b3);
    const int ok = !ferror(f);
    fclose(f);
    if (ok) snprintf(out, 17, "%016" PRIx64, hash);
    return ok;
}
