/* A C program that forks after it has used the library: `fork_host LIBRARY f64|i32|u32:NAME...`, every function of it by
 * the kind of its result. Says what a child got that was refused nothing, and "parent", "child" and "after exec". */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *library;

static void *named(const char *name)
{
    void *found = dlsym(library, name);
    if (!found) {
        printf("no %s\n", name);
        exit(2);
    }
    return found;
}

/* Opens memory, and waits for a word in it: a thread of the library's runs from then on. */
static int use(int waits)
{
    int32_t (*attach)(void) = named("hawser_attach");
    int32_t (*anonymous)(double, uint32_t) = named("hawser_memory_anonymous");
    int32_t (*open_bell)(void) = named("hawser_bell_open");
    int32_t (*wait_futex)(uint32_t, uint32_t, uint32_t, double, uint32_t, double) = named("hawser_wait_futex");
    if (attach() != 0) return 0;
    int32_t memory = anonymous(4096, 0), bell = open_bell();
    if (memory < 0 || bell < 0) return 0;
    for (int i = 0; i < waits; i++) {
        if (wait_futex(bell, i, memory, 4.0 * i, 0, -1) < 0) return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    /* napi_* are resolved when they are called, which nobody does here. */
    if (!library) library = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
        puts(dlerror());
        return 2;
    }
    if (argc == 2) {
        printf("after exec: %s\n", use(3) ? "fine" : "refused");
        return 0;
    }
    if (!use(40)) return 3;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int refused = 0;
        for (int i = 2; i < argc; i++) {
            const char *name = strchr(argv[i], ':') + 1;
            void *function = named(name);
            double result = 0;
            double wanted = -1; /* EPERM */
            if (argv[i][0] == 'f') result = ((double (*)(int, int, int, int, int, int))function)(0, 0, 0, 0, 0, 0);
            if (argv[i][0] == 'i') result = ((int32_t (*)(int, int, int, int, int, int))function)(0, 0, 0, 0, 0, 0);
            if (argv[i][0] == 'u') {
                result = ((uint32_t (*)(int, int, int, int, int, int))function)(0, 0, 0, 0, 0, 0);
                wanted = 0;
            }
            if (result == wanted) refused++;
            else printf("%s answers %g\n", name, result);
        }
        printf("child: %d refused\n", refused);
        fflush(stdout);
        execl(argv[0], argv[0], argv[1], (char *)0);
        return 4;
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("parent: child %d, %s\n", status, use(40) ? "fine" : "refused");
    return 0;
}
