/* Compiled as C11 with -pedantic -Werror: fails the build when eqv.h stops being plain C. */
#include "eqv.h"

eqv_status eqv_header_test(void) { return eqv_noop(); }
