/* xml.c: escapes. */
#include "xml.h"

/* XML 1.0 cannot represent most control characters, nor U+FFFE and U+FFFF: they are dropped. */
void xml_put(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (c[0] == 0xef && c[1] == 0xbf && (c[2] == 0xbe || c[2] == 0xbf)) {
            c += 2;
            continue;
        }
        switch (*c) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\t': fputs("&#9;", out); break;
        case '\n': fputs("&#10;", out); break;
        case '\r': fputs("&#13;", out); break;
        default:
            if (*c >= 0x20 && *c != 0x7f) fputc(*c, out);
        }
    }
}
