/* The locks that hawser's are compared with: pthread's robust process-shared mutex.
 *   alone COUNT        nanoseconds for taking and releasing one that nobody else wants: the median of 25 times COUNT
 *   turns MS FILE      how often it changed hands between the two processes that run this on the same file */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void init(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    if (strcmp(argv[1], "alone") == 0) {
        pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        init(mutex);
        int count = atoi(argv[2]);
        double slices[25];
        for (int slice = 0; slice < 25; slice++) {
            double start = now_ns();
            for (int i = 0; i < count; i++) {
                pthread_mutex_lock(mutex);
                pthread_mutex_unlock(mutex);
            }
            slices[slice] = (now_ns() - start) / count;
        }
        qsort(slices, 25, sizeof(double), ascending);
        printf("%f\n", slices[12]);
        return 0;
    }
    if (argc < 4) return 2;
    int fd = open(argv[3], O_RDWR);
    if (fd < 0) return 1;
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pthread_mutex_t *mutex = (pthread_mutex_t *)memory;
    volatile uint32_t *words = (volatile uint32_t *)(memory + 64); /* last owner, changes, there, ready, all turns, theirs */
    uint32_t self = getpid();
    if (__atomic_add_fetch(&words[2], 1, __ATOMIC_SEQ_CST) == 1) {
        init(mutex);
        __atomic_store_n(&words[3], 1, __ATOMIC_SEQ_CST);
    }
    while (__atomic_load_n(&words[3], __ATOMIC_SEQ_CST) == 0 || __atomic_load_n(&words[2], __ATOMIC_SEQ_CST) < 2) {}
    uint32_t turns = 0;
    double end = now_ns() + atoi(argv[2]) * 1e6;
    while (now_ns() < end) {
        for (int i = 0; i < 100; i++) {
            pthread_mutex_lock(mutex);
            if (words[0] != self) words[0] = self, words[1]++;
            words[4]++; /* Under the lock: none is lost. */
            pthread_mutex_unlock(mutex);
        }
        turns += 100;
    }
    __atomic_add_fetch(&words[5], turns, __ATOMIC_SEQ_CST);
    return 0;
}
