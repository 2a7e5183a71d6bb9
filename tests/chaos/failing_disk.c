/* Lets one call fail that changes files below a folder, for a program that preloads this.

   Compiled by disk_faults.py. The calls are counted, so that each of them can be chosen. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[4096];
static char failed[4200];
static long chosen, passed;
static int failing_with;

/* Count from now on, and let the call of that number fail; number 0 lets none. */
void failing_disk(const char *path, long number, int error) {
    snprintf(folder, sizeof folder, "%s/", path);
    failed[0] = 0;
    passed = 0;
    failing_with = error;
    chosen = number;
}

long failing_disk_passed(void) { return passed; }

/* Which call it was that failed, and on what. */
const char *failing_disk_failed(void) { return failed; }

static int fails(const char *name, const char *path) {
    if (!folder[0] || !path || strncmp(path, folder, strlen(folder))) return 0;
    if (__atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST) != chosen) return 0;
    snprintf(failed, sizeof failed, "%s %s", name, path + strlen(folder));
    errno = failing_with;
    return 1;
}

static int fails_on(const char *name, int descriptor) {
    char link[64], path[4096];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fails(name, path);
}

#define REAL(name, ...) \
    static int (*real)(__VA_ARGS__); \
    if (!real) real = (int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define WRITES(name, tail_types, tail) \
    ssize_t name(int fd, const void *bytes, size_t size tail_types) { \
        static ssize_t (*real)(int, const void *, size_t, ...); \
        if (!real) real = (ssize_t (*)(int, const void *, size_t, ...))dlsym(RTLD_NEXT, #name); \
        return fails_on(#name, fd) ? -1 : real(fd, bytes, size tail); \
    }
#define COMMA ,
WRITES(write, , )
WRITES(pwrite, COMMA off_t at, COMMA at)
WRITES(pwrite64, COMMA off64_t at, COMMA at)

#define SYNCS(name) \
    int name(int fd) { \
        REAL(#name, int); \
        return fails_on(#name, fd) ? -1 : real(fd); \
    }
SYNCS(fsync)
SYNCS(fdatasync)

#define CUTS(name, type) \
    int name(int fd, type size) { \
        REAL(#name, int, type); \
        return fails_on(#name, fd) ? -1 : real(fd, size); \
    }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(#name, const char *, int, ...); \
        va_list more; \
        va_start(more, flags); \
        int mode = flags & O_CREAT ? va_arg(more, int) : 0; \
        va_end(more); \
        return flags & O_CREAT && fails(#name, path) ? -1 : real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

int rename(const char *from, const char *to) {
    REAL("rename", const char *, const char *);
    return fails("rename", from) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL("mkdir", const char *, mode_t);
    return fails("mkdir", path) ? -1 : real(path, mode);
}
