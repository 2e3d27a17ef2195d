/* Loaded into hook by tests: sets its wall clock, and answers or fails its lookups of names below `.test`. The files that
 * the variables name are read each time, so that a test can change them while hook runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The first word of the file that a variable names; empty without one. */
static void word(const char *variable, char found[64]) {
    const char *path = getenv(variable);
    FILE *file = path ? fopen(path, "re") : NULL;
    found[0] = 0;
    if (file) {
        if (fscanf(file, "%63s", found) != 1)
            found[0] = 0;
        fclose(file);
    }
}

/* Ahead by so many seconds. Other clocks are those of the machine. */
int clock_gettime(clockid_t clock, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, at);
    if (result == 0 && clock == CLOCK_REALTIME) {
        char seconds[64];
        word("TEST_CLOCK_AHEAD", seconds);
        at->tv_sec += atoll(seconds);
    }
    return result;
}

/* Nobody answers for that name, or for any of them where it is `all`. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **answer) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
    const char *end = node ? strrchr(node, '.') : NULL;
    if (end && strcmp(end, ".test") == 0) {
        char down[64];
        word("TEST_LOOKUPS_DOWN", down);
        if (strcmp(down, "all") == 0 || strcmp(down, node) == 0)
            return EAI_AGAIN;
        node = "127.0.0.1";
    }
    return real(node, service, hints, answer);
}
