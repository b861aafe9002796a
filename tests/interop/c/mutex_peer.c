/* A C program that uses the same mutex with pthread_mutex_lock(3): `ACTION NAME OFFSET [ARGUMENT]`, in shared memory. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void say(const char *what, int rc) {
    printf("%s %s\n", what, rc == 0 ? "0" : strerrorname_np(rc));
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    sigset_t enough;
    sigemptyset(&enough);
    sigaddset(&enough, SIGTERM);
    sigprocmask(SIG_BLOCK, &enough, NULL);
    const char *action = argv[1];
    int fd = shm_open(argv[2], O_RDWR, 0);
    if (fd < 0) return perror("shm_open"), 2;
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return perror("mmap"), 2;
    pthread_mutex_t *mutex = (pthread_mutex_t *)(memory + atoi(argv[3]));
    volatile uint32_t *counters = (volatile uint32_t *)((char *)mutex + 48);

    if (strcmp(action, "init") == 0) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        if (argc > 4) pthread_mutexattr_settype(&attributes, atoi(argv[4]));
        say("init", pthread_mutex_init(mutex, &attributes));
    } else if (strcmp(action, "try") == 0) {
        int rc = pthread_mutex_trylock(mutex);
        say("try", rc);
        if (rc == EOWNERDEAD) pthread_mutex_consistent(mutex);
        if (rc != EBUSY) say("unlock", pthread_mutex_unlock(mutex));
    } else if (strcmp(action, "hold") == 0) {
        int rc = pthread_mutex_lock(mutex);
        if (rc == EOWNERDEAD) pthread_mutex_consistent(mutex);
        say("held", rc);
        sigwait(&enough, &(int){0}); /* SIGTERM */
        say("unlock", pthread_mutex_unlock(mutex));
    } else if (strcmp(action, "give-up") == 0) { /* Unlocks what it did not make consistent: for good. */
        say("held", pthread_mutex_lock(mutex));
        say("unlock", pthread_mutex_unlock(mutex));
    } else if (strcmp(action, "count") == 0) {
        for (int i = 0; i < atoi(argv[4]); i++) {
            int rc = pthread_mutex_lock(mutex);
            if (rc != 0) return say("lock", rc), 1;
            counters[0]++;
            counters[1]++;
            rc = pthread_mutex_unlock(mutex);
            if (rc != 0) return say("unlock", rc), 1;
        }
        say("counted", 0);
    } else return 2;
    return 0;
}
