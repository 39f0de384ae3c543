/* helper: a library with one function, built into several folders with different answers, and with more or less
 * work. */
extern double helper_answer(double x);
__attribute__((visibility("default"))) double helper_answer(double x)
{
    volatile double slowly = x;
    for (int i = 0; i < HELPER_WORK; i++) slowly = slowly + 1;
    return HELPER_FACTOR * slowly;
}
