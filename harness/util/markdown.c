/* markdown.c: escapes, and code blocks. */
#include "markdown.h"

#include <string.h>

void markdown_put_view(FILE *out, text_view text)
{
    for (int i = 0; i < text.size; i++) {
        const char c = text.at[i];
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            fputc(' ', out);
        } else {
            if (strchr("\\|`*_[]<>~#", c)) fputc('\\', out);
            fputc(c, out);
        }
    }
}

void markdown_put(FILE *out, const char *text)
{
    if (text) markdown_put_view(out, (text_view){text, (int)strlen(text)});
}

void markdown_put_code(FILE *out, const char *line)
{
    fputs("\n      ", out);
    for (; *line; line++) fputc((unsigned char)*line < 0x20 ? ' ' : *line, out);
    fputc('\n', out);
}
