/* xml.h: text that may hold anything, in XML. */
#ifndef ATTNBENCH_XML_H
#define ATTNBENCH_XML_H

#include <stdio.h>

/* As character data or in an attribute between double quotes. */
void xml_put(FILE *out, const char *text);

#endif
