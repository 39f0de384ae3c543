/* helper: a library with one function, built into several folders with different answers. */
extern double helper_answer(double x);
__attribute__((visibility("default"))) double helper_answer(double x) { return HELPER_FACTOR * x; }
