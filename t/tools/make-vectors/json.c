/* The form of the files: a JSON array of entries, bytes in hex. */

#include "vectors.h"

const char *dir;

FILE *out;
int   members;

static int entries;

void
file_begin(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.json", dir, name);
    out = fopen(path, "wx");
    if (out == NULL) {
        perror(path);
        exit(1);
    }

    entries = 0;
    fprintf(out, "{\n  \"of\": \"%s\",\n  \"vectors\": [", name);
}

void
file_end(void)
{
    fputs("\n  ]\n}\n", out);
    if (ferror(out) || fclose(out)) {
        perror("make-vectors");
        exit(1);
    }
}

void
key(const char *name)
{
    fprintf(out, "%s\"%s\": ", members++ ? ", " : "", name);
}

/* Texts here have no character that JSON escapes. */
void
text(const char *name, const char *value)
{
    key(name);
    fprintf(out, "\"%s\"", value);
}

void
number(const char *name, uint64_t value)
{
    key(name);
    fprintf(out, "%llu", (unsigned long long) value);
}

void
print_hex(const uint8_t *p, size_t n)
{
    fputc('"', out);
    while (n--) {
        fprintf(out, "%02x", *p++);
    }
    fputc('"', out);
}

void
hex(const char *name, const uint8_t *p, size_t n)
{
    key(name);
    print_hex(p, n);
}

void
open_object(const char *name)
{
    key(name);
    fputc('{', out);
    members = 0;
}

void
close_object(void)
{
    fputc('}', out);
    members = 1;
}

/* fails NULL: it is valid. */
void
entry(const char *name, const char *fails, const char *reason)
{
    fprintf(out, "%s\n    {", entries++ ? "," : "");
    members = 0;
    text("name", name);
    key("valid");
    fputs(fails ? "false" : "true", out);

    if (fails && reason) {
        text("fails", fails);
        text("reason", reason);
    }
}

void
entry_end(void)
{
    fputc('}', out);
}
