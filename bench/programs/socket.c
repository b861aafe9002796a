/* The unix sockets that hawser's are compared with, both ends in one process. Nanoseconds for one message there.
 *   socket KIND COUNT FDS     KIND is the number of the kind; with FDS 1 a descriptor goes along and is closed */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int ends[2], count = atoi(argv[2]), fds = atoi(argv[3]);
    if (socketpair(AF_UNIX, atoi(argv[1]) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return 3;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char text[64] = { 0 };
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    struct iovec vector = { text, sizeof text };
    double start = now_ns();
    for (int i = 0; i < count; i++) {
        struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
        if (fds) {
            message.msg_control = &control;
            message.msg_controllen = sizeof control;
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(header), &file, sizeof file);
        }
        if (sendmsg(ends[0], &message, MSG_NOSIGNAL) != sizeof text) return 4;
        message.msg_controllen = fds ? sizeof control : 0;
        if (recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) != sizeof text) return 5;
        if (fds) {
            int received;
            memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
            close(received);
        }
    }
    printf("%f\n", (now_ns() - start) / count);
    return 0;
}
