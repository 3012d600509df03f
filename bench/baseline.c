/* What any reader of goroutines from outside has to pay at the least: copying their stacks with process_vm_readv(2).
 *
 *     baseline PID ALLGPTR ALLGLEN G_SIZE SCHED_SP ATOMICSTATUS    (addresses and offsets, decimal)
 *
 * It answers each command, a letter on its standard input, with one line:
 *
 *     p   reads allgs and each runtime.g, keeps [sp, stack.hi) of those that are parked. Answers "goroutines bytes".
 *     s   copies every kept stack, each in one piece, 1024 pieces a call.      Answers "wall_ns cpu_ns bytes".
 *     g   reads allgs, then for every 1024 goroutines their g's in one call and their stacks in another. Same answer.
 *
 * All copies go to the same few buffers again and again, which stay in the processor's cache: nothing is kept, which is
 * kinder to the baseline than to what it is compared with.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

enum { PIECES = 1024, G_MAX = 1024, WAITING = 4, SCAN = 0x1000 };

struct range {
    uint64_t start, end;
};

static pid_t pid;
static uint64_t allgptr, allglen, g_size, at_sp, at_status;
static struct range *stacks;
static uint64_t stack_count;
static char gs[PIECES * G_MAX];
static char *room;
static size_t room_size;

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Copies all pieces, laid end to end, into `to`. */
static size_t copy(void *to, size_t size, const struct iovec *pieces, size_t count)
{
    struct iovec local = {to, size};
    ssize_t got = process_vm_readv(pid, &local, 1, pieces, count, 0);
    if (got < 0 || (size_t)got != size)
        fail("process_vm_readv");
    return size;
}

static void *grown(void *old, size_t size)
{
    void *block = realloc(old, size);
    if (!block)
        fail("realloc");
    return block;
}

static uint64_t *read_allgs(uint64_t *count)
{
    static uint64_t *list, capacity;
    uint64_t at;
    copy(count, 8, &(struct iovec){(void *)allglen, 8}, 1);
    copy(&at, 8, &(struct iovec){(void *)allgptr, 8}, 1);
    if (*count > capacity)
        list = grown(list, 8 * (capacity = *count));
    copy(list, 8 * *count, &(struct iovec){(void *)at, 8 * *count}, 1);
    return list;
}

/* Reads `count` g's into `gs`, and writes the stacks of those that are parked to `found`. */
static size_t read_gs(const uint64_t *list, size_t count, struct range *found)
{
    struct iovec pieces[PIECES];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        pieces[i] = (struct iovec){(void *)list[i], g_size};
    copy(gs, count * g_size, pieces, count);
    for (size_t i = 0; i < count; i++) {
        const char *g = gs + i * g_size;
        uint32_t status = *(const uint32_t *)(g + at_status) & ~(uint32_t)SCAN;
        struct range stack = {*(const uint64_t *)(g + at_sp), *(const uint64_t *)(g + 8)};
        if (status == WAITING && stack.start > *(const uint64_t *)g && stack.start < stack.end)
            found[kept++] = stack;
    }
    return kept;
}

static uint64_t copy_stacks(const struct range *list, size_t count)
{
    struct iovec pieces[PIECES];
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct iovec){(void *)list[i].start, list[i].end - list[i].start};
        size += pieces[i].iov_len;
    }
    if (size > room_size)
        room = grown(room, room_size = 2 * size);
    return count ? copy(room, size, pieces, count) : 0;
}

static size_t batch(uint64_t done, uint64_t all)
{
    return all - done < PIECES ? all - done : PIECES;
}

static void prepare(void)
{
    uint64_t count, bytes = 0, *list = read_allgs(&count);
    stacks = grown(stacks, (count + 1) * sizeof *stacks);
    stack_count = 0;
    for (uint64_t i = 0; i < count; i += PIECES)
        stack_count += read_gs(list + i, batch(i, count), stacks + stack_count);
    for (uint64_t i = 0; i < stack_count; i++)
        bytes += stacks[i].end - stacks[i].start;
    printf("%lu %lu\n", stack_count, bytes);
}

static uint64_t only_stacks(void)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < stack_count; i += PIECES)
        bytes += copy_stacks(stacks + i, batch(i, stack_count));
    return bytes;
}

static uint64_t gs_and_stacks(void)
{
    struct range found[PIECES];
    uint64_t count, bytes = 0, *list = read_allgs(&count);
    for (uint64_t i = 0; i < count; i += PIECES)
        bytes += copy_stacks(found, read_gs(list + i, batch(i, count), found));
    return bytes;
}

static void timed(uint64_t (*what)(void))
{
    uint64_t wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
    uint64_t bytes = what();
    cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
    wall = now(CLOCK_MONOTONIC) - wall;
    printf("%lu %lu %lu\n", wall, cpu, bytes);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    uint64_t given[6];
    for (int i = 0; i < 6; i++)
        given[i] = strtoull(argv[i + 1], NULL, 10);
    pid = (pid_t)given[0], allgptr = given[1], allglen = given[2];
    g_size = given[3], at_sp = given[4], at_status = given[5];
    if (g_size > G_MAX)
        return 2;
    for (int command; (command = getchar()) != EOF;) {
        switch (command) {
        case 'p': prepare(); break;
        case 's': timed(only_stacks); break;
        case 'g': timed(gs_and_stacks); break;
        }
        fflush(stdout);
    }
    return 0;
}
