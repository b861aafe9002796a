/* What hawser's descriptors and sockets are compared with, on descriptors that block:
 *   pipe|packet|fd ping|pong COUNT   passes a turn to and fro as turns.mjs does: the median of there and back, in ns
 *   flow give|take BYTES CHUNK       bytes through the pipe at descriptor 3: from the first to the last, in ns
 *   connect COUNT PATH               connects 64 at a time, and closes each when the other did */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

static void sure(int holds, const char *what) {
    if (holds) return;
    perror(what);
    exit(1);
}

static char byte_there, packet[64];
static int own_fd;
static ino_t their_inode;

static void give_pipe(int turn) {
    byte_there = turn;
    sure(write(4, &byte_there, 1) == 1, "write");
}

static void take_pipe(int turn, int look) {
    (void)look;
    sure(read(3, &byte_there, 1) == 1 && byte_there == (char)turn, "read");
}

static void give_packet(int turn) {
    packet[63] = turn;
    sure(send(3, packet, sizeof packet, MSG_NOSIGNAL) == sizeof packet, "send");
}

static void take_packet(int turn, int look) {
    (void)look;
    sure(recv(3, packet, sizeof packet, 0) == sizeof packet && packet[63] == (char)turn, "recv");
}

static void give_fd(int turn) {
    char byte = turn;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &own_fd, sizeof(int));
    sure(sendmsg(3, &message, MSG_NOSIGNAL) == 1, "sendmsg");
}

static void take_fd(int turn, int look) {
    char byte;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    sure(recvmsg(3, &message, MSG_CMSG_CLOEXEC) == 1 && byte == (char)turn, "recvmsg");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    sure(header != NULL && header->cmsg_type == SCM_RIGHTS, "a descriptor");
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof(int));
    struct stat stat;
    if (look) sure(fstat(fd, &stat) == 0 && stat.st_ino == their_inode, "the inode");
    sure(close(fd) == 0, "close");
}

static int turns(const char *way, int ping, int count) {
    void (*give)(int) = give_pipe;
    void (*take)(int, int) = take_pipe;
    if (strcmp(way, "packet") == 0) give = give_packet, take = take_packet;
    if (strcmp(way, "fd") == 0) {
        struct stat stat;
        give = give_fd, take = take_fd;
        own_fd = open(ping ? "/dev/null" : "/dev/zero", O_RDONLY | O_CLOEXEC);
        sure(own_fd >= 0 && lstat(ping ? "/dev/zero" : "/dev/null", &stat) == 0, "open");
        their_inode = stat.st_ino;
    }
    int warm = (count + 3) / 4;
    double *times = calloc(count, sizeof(double));
    for (int turn = 0; turn < warm + count; turn++) {
        double start = now_ns();
        if (ping) give(turn);
        take(turn, turn < warm);
        if (!ping) give(turn);
        if (turn >= warm) times[turn - warm] = now_ns() - start;
    }
    qsort(times, count, sizeof(double), ascending);
    if (ping) printf("{\"ns\":%f,\"turns\":%d}\n", times[count / 2], count);
    return 0;
}

static int flow(int give, long total, int size) {
    static unsigned char bytes[1 << 20];
    if (give) {
        for (int i = 0; i < size; i++) bytes[i] = i;
        for (long given = 0; given < total; given += size)
            for (int at = 0; at < size;) {
                ssize_t count = write(3, bytes + at, size - at);
                sure(count > 0, "write");
                at += count;
            }
        return 0;
    }
    long taken = 0;
    double start = 0;
    for (ssize_t count; (count = read(3, bytes, 65536)) != 0; taken += count) {
        sure(count > 0 && bytes[0] == (taken & 0xff) && bytes[count - 1] == ((taken + count - 1) & 0xff), "read");
        if (taken == 0) start = now_ns();
    }
    printf("{\"ns\":%f,\"bytes\":%ld}\n", now_ns() - start, taken);
    return 0;
}

static int connect_all(int count, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    for (int done = 0; done < count;) {
        int fds[64], open = 0;
        for (; open < 64 && done + open < count; open++) {
            fds[open] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            for (int tries = 0; connect(fds[open], (struct sockaddr *)&address, sizeof address) != 0; tries++) {
                sure(done + open == 0 && tries < 5000, "connect"); /* Until the other listens. */
                usleep(2000);
            }
        }
        char byte;
        /* The last ones' ends may be the end of the process there. */
        for (int i = 0; i < open; i++) {
            ssize_t got = read(fds[i], &byte, 1);
            sure(got == 0 || (got < 0 && done + open == count), "read");
            close(fds[i]);
        }
        done += open;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    if (strcmp(argv[1], "connect") == 0) return connect_all(atoi(argv[2]), argv[3]);
    if (strcmp(argv[1], "flow") != 0) return turns(argv[1], strcmp(argv[2], "ping") == 0, atoi(argv[3]));
    return argc < 5 ? 2 : flow(strcmp(argv[2], "give") == 0, atol(argv[3]), atoi(argv[4]));
}
