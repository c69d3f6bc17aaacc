/*
 * replay.c - a fuzzer without libFuzzer: every file of the folders that are named, once each.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static size_t inputs;

static void replay_file(const char *path)
{
    FILE *stream = fopen(path, "re");
    struct stat facts;
    if (stream == NULL || fstat(fileno(stream), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)facts.st_size;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (bytes == NULL || fread(bytes, 1, size, stream) != size) {
        perror(path);
        exit(2);
    }
    (void)fclose(stream);
    inputs++;
    /* What ends the program in there leaves this as the last line. */
    (void)fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static void replay_folder(const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0) {
        perror(folder);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            replay_file(path);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat facts;
        if (stat(argv[i], &facts) == 0 && S_ISDIR(facts.st_mode))
            replay_folder(argv[i]);
        else
            replay_file(argv[i]);
    }
    if (inputs == 0) {
        (void)fputs("no input\n", stderr);
        return 2;
    }
    (void)fprintf(stderr, "%zu inputs, all good\n", inputs);
    return 0;
}
