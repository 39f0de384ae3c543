/* replay.c FOLDER: runs a target over the files of a folder. Crashes and broken rules end it. */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
        if (file) fclose(file);
        return 0;
    }
    uint8_t *data = malloc((size_t)st.st_size + 1);
    HOLDS(data && fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
    fclose(file);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        count += replay(path);
    }
    closedir(folder);
    printf("%d inputs\n", count);
    return count == 0;
}
