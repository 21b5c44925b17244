/* opens TIMES FILE...: opens each of the files so often for reading, whether it is there or not. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 0; i < times; i++) {
		for (int file = 2; file < argc; file++) {
			int fd = open(argv[file], O_RDONLY);

			if (fd >= 0)
				close(fd);
		}
	}
	return 0;
}
