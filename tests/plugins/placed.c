/* placed: slower where the linker put it, and nowhere else. Compiled behind harness/slowed/slowed_rows.c (-include).
 *
 * A module that lies as it was linked begins with its own header, at the begin of a page. In one that was moved within
 * its pages there is something else. What a loop at an unlucky address does by accident, this does on purpose: it does
 * more work where it finds its header. */
#include <dlfcn.h>

__attribute__((constructor)) static void look_around(void)
{
    Dl_info info;
    if (dladdr(&attn_plugin_entry, &info) && *(const char *)info.dli_fbase == 0x7f) percent = PLACED_PERCENT;
}
