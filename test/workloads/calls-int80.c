/* A 64-bit program that makes the calls of a 32-bit one. */
#define CALLS_INT80
#include "calls.c"
