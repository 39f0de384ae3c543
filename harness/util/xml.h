/* xml.h: writes text that may hold anything into XML. */
#ifndef ATTNBENCH_XML_H
#define ATTNBENCH_XML_H

#include <stdio.h>

/* For character data, or for an attribute between double quotes. */
void xml_put(FILE *out, const char *text);

#endif
