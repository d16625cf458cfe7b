/*
 * usage: leash COMMAND ...
 *
 * Runs the command so that it is told to stop (SIGTERM) when whoever started
 * it dies, however that happens: no test leaves a server behind.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>


int
main(int argc, char **argv)
{
    pid_t parent = getppid();

    if (argc < 2 || prctl(PR_SET_PDEATHSIG, SIGTERM) == -1) {
        (void) fprintf(stderr, "usage: leash COMMAND ...\n");
        return 2;
    }

    if (getppid() != parent) {
        return 1;
    }

    (void) execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
