/*
 * fuzz_settings.c - a file of settings, then, each behind a byte 1, variables and flags. What
 * --print-settings says of a file is a file that says the same.
 */
#include "config.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#define WORDS_MAX 8

/* A file that is only memory; its name. */
static const char *write_file(struct cw_bytes text)
{
    static int fd = -1;
    static char name[32];
    if (fd < 0) {
        fd = memfd_create("settings", MFD_CLOEXEC);
        (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    }
    fuzz_require(fd >= 0 && ftruncate(fd, 0) == 0);
    fuzz_require(pwrite(fd, text.data, text.size, 0) == (ssize_t)text.size);
    return name;
}

struct load {
    char *environment[WORDS_MAX + 1];
    char *argv[WORDS_MAX + 4];
    int argc;
    struct cw_config config;
    char error[CW_CONFIG_ERROR_SIZE];
};

static void start_load(struct load *load, struct cw_bytes file)
{
    *load = (struct load){.argc = 3};
    load->argv[0] = fuzz_copy_text(cw_bytes_text("chanwayd"));
    load->argv[1] = fuzz_copy_text(cw_bytes_text("--config"));
    load->argv[2] = fuzz_copy_text(cw_bytes_text(write_file(file)));
}

static void add_word(struct load *load, struct cw_bytes word)
{
    size_t variables = 0;
    while (load->environment[variables] != NULL)
        variables++;
    if (word.size >= 2 && memcmp(word.data, "--", 2) == 0) {
        if (load->argc < WORDS_MAX + 3)
            load->argv[load->argc++] = fuzz_copy_text(word);
    } else if (variables < WORDS_MAX) {
        load->environment[variables] = fuzz_copy_text(word);
    }
}

static bool run_load(struct load *load)
{
    enum cw_config_action action;
    int rc = cw_config_load(load->argc, load->argv, load->environment, &load->config, &action,
                            load->error, sizeof(load->error));
    fuzz_require(rc == CW_OK || rc == CW_ERR_INVALID);
    if (rc != CW_OK)
        fuzz_require(load->error[0] != '\0' &&
                     memchr(load->error, '\0', sizeof(load->error)) != NULL);
    return rc == CW_OK &&
           (action == CW_CONFIG_RUN || action == CW_CONFIG_CHECK || action == CW_CONFIG_PRINT);
}

static void end_load(struct load *load)
{
    for (int i = 0; i < load->argc; i++)
        free(load->argv[i]);
    for (size_t i = 0; load->environment[i] != NULL; i++)
        free(load->environment[i]);
    cw_config_finish(&load->config);
}

/* Without the comments, which say where a value comes from. */
static char *print(const struct cw_config *config)
{
    struct cw_writer writer;
    struct cw_writer lines;
    cw_writer_init(&writer);
    cw_writer_init(&lines);
    cw_config_write_settings(config, &writer);
    struct cw_bytes rest = cw_writer_view(&writer);
    while (rest.size > 0) {
        struct cw_bytes line = fuzz_take(&rest, '\n');
        if (line.size == 0 || line.data[0] == '#')
            continue;
        cw_writer_bytes(&lines, line);
        cw_writer_byte(&lines, '\n');
    }
    fuzz_require(!writer.has_failed && !lines.has_failed);
    char *text = fuzz_copy_text(cw_writer_view(&lines));
    cw_writer_finish(&writer);
    cw_writer_finish(&lines);
    return text;
}

static void check_printed(const struct cw_config *config)
{
    struct load load;
    char *printed = print(config);
    if (strstr(printed, "***") == NULL) { /* a secret is not printed */
        start_load(&load, cw_bytes_text(printed));
        fuzz_require(run_load(&load));
        char *again = print(&load.config);
        fuzz_require(strcmp(printed, again) == 0);
        free(again);
        end_load(&load);
    }
    free(printed);
}

static void check_help(void)
{
    struct cw_writer writer;
    cw_writer_init(&writer);
    cw_config_write_help(&writer);
    fuzz_require(!writer.has_failed);
    cw_writer_finish(&writer);
}

static void check_reload(struct load *load)
{
    struct cw_writer unchanged;
    cw_writer_init(&unchanged);
    fuzz_require(cw_config_reload(load->argc, load->argv, load->environment, &load->config,
                                  &unchanged, load->error, sizeof(load->error)) == CW_OK);
    fuzz_require(unchanged.size == 0);
    cw_config_write_doubts(load->environment, &unchanged);
    cw_writer_finish(&unchanged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct load load;
    struct cw_bytes rest = cw_bytes_make(data, size);
    if (memchr(data == NULL ? (const uint8_t *)"" : data, '\0', size) != NULL && size > 4096)
        return 0;
    struct cw_bytes file = fuzz_take(&rest, '\1');
    bool is_file_alone = rest.size == 0;
    start_load(&load, file);
    while (rest.size > 0)
        add_word(&load, fuzz_take(&rest, '\1'));
    if (run_load(&load)) {
        struct cw_history_limits limits = cw_config_history(&load.config, cw_bytes_text("chat.1"));
        fuzz_require(limits.size >= 0 && limits.ttl_ms > 0 && limits.bytes > 0);
        check_reload(&load);
        check_help();
        if (is_file_alone)
            check_printed(&load.config);
    }
    end_load(&load);
    return 0;
}
