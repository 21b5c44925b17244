/* The smallest program: ends with the code in its second argument, else 0. Opens nothing. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	_exit(argc > 1 ? atoi(argv[argc - 1]) : 0);
}
