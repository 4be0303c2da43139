/*
 * Shows how it was executed: its arguments, its names, and the file that it is. Made for any C library.
 */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char comm[17] = "", exe[4096] = "", cwd[4096] = "";
	struct stat by_link, by_name;
	ssize_t size;

	prctl(PR_GET_NAME, comm);
	size = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[size > 0 ? size : 0] = 0;
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf(" execfn=%s comm=%s exe=%s", (const char *)getauxval(AT_EXECFN), comm, exe);
	/* The program that is running is the file of that name: the very same, with what lies behind its end. */
	if (stat("/proc/self/exe", &by_link) || stat(exe, &by_name))
		printf(" no file");
	else
		printf(" %s", by_link.st_ino == by_name.st_ino && by_link.st_size == by_name.st_size ? "same" : "another");
	printf(" cwd=%s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
	return 0;
}
