/*
 * Prints web/src/wire/frames.gen.ts, the TypeScript codec of frames, from the
 * tables in include/sealchat/.  It expands the same macros as the codec in C,
 * so that a new row of a table is all that a new frame needs.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sealchat/frames.h>

struct field {
    const char *kind;
    const char *name;
};

#define FIELD(kind, name) { #kind, #name },
#define FIELDS_END        { NULL, NULL }

struct item {
    const char         *name;
    const struct field *fields;
};

struct frame {
    unsigned            type;
    const char         *name;
    unsigned            max;
    unsigned            roles;
    const char         *repeat;  /* NULL: sent by the service */
    const char         *answer;
    const struct field *fields;
};

#define ITEM_FIELDS(name) \
    static const struct field item_##name[] = { \
        SC_##name##_FIELDS(FIELD) FIELDS_END \
    };
SC_ITEMS(ITEM_FIELDS)

#define CLIENT_FIELDS(type, NAME, name, roles, max, repeat, answer) \
    SERVICE_FIELDS(type, NAME, name, max)
#define SERVICE_FIELDS(type, NAME, name, max) \
    static const struct field frame_##name[] = { \
        SC_##NAME##_FIELDS(FIELD) FIELDS_END \
    };
SC_CLIENT_FRAMES(CLIENT_FIELDS)
SC_SERVICE_FRAMES(SERVICE_FIELDS)

#define ITEM(name) { #name, item_##name },
static const struct item items[] = { SC_ITEMS(ITEM) };

#define CLIENT(type, NAME, name, roles, max, repeat, answer) \
    { type, #name, max, roles, #repeat, #answer, frame_##name },
#define SERVICE(type, NAME, name, max) \
    { type, #name, max, 0, NULL, NULL, frame_##name },
static const struct frame frames[] = {
    SC_CLIENT_FRAMES(CLIENT)
    SC_SERVICE_FRAMES(SERVICE)
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))


/* --- names --------------------------------------------------------------- */

struct name {
    char s[64];
};

/* some_name or SOME-NAME becomes someName, or SomeName if upper. */
static struct name
camel(const char *name, int upper)
{
    struct name out;
    size_t      n = 0;

    for (; *name && n < sizeof(out.s) - 1; name++) {
        if (*name == '_' || *name == '-') {
            upper = 1;
            continue;
        }

        out.s[n++] = (char) (upper ? toupper((unsigned char) *name)
                                   : tolower((unsigned char) *name));
        upper = 0;
    }

    out.s[n] = '\0';
    return out;
}

static int
is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The item of LIST_<item>, or NULL. */
static const char *
list_item(const char *kind)
{
    return strncmp(kind, "LIST_", 5) == 0 ? kind + 5 : NULL;
}

static void
print_type(const char *kind)
{
    if (list_item(kind)) {
        printf("readonly %sItem[]", camel(list_item(kind), 1).s);

    } else {
        fputs(kind[0] == 'U' ? "number" : "Bytes", stdout);
    }
}


/* --- the head of the file ------------------------------------------------ */

static const char head[] =
    "// Written by t/tools/frames2ts.c from include/sealchat/; do not edit.\n"
    "//\n"
    "// For each frame <Name>:\n"
    "//\n"
    "//   interface <Name>Frame             its fields\n"
    "//   encode<Name>(tag, fields): Bytes  header and body; FrameError if a\n"
    "//                                     field does not fit\n"
    "//   decode<Name>(body): <Name>Frame   FrameError unless body has just\n"
    "//                                     that layout\n"
    "//\n"
    "// Numbers are JS numbers up to 2^53 - 1.  Bytes that decode returns are\n"
    "// views of what it was given.  Lists are arrays of <Item>Item.\n"
    "//\n"
    "//   openFrame(bytes)  the header of any frame; FrameError whose reason\n"
    "//                     is bad-frame, unknown-frame or too-large\n"
    "//   frameTypes        name -> number of its type\n"
    "//   frames            type -> FrameInfo\n"
    "//   rules             type -> FrameRules\n"
    "//   roles             name -> number\n"
    "//   E_<NAME>          codes of errors\n"
    "//   <NAME>            include/sealchat/limits.h\n"
    "\n"
    "import type { Bytes } from \"./bytes.ts\";\n"
    "import {\n  FrameReader, FrameWriter, openWith, type Row,\n"
    "} from \"./frame-io.ts\";\n"
    "\n"
    "export { FrameError } from \"./frame-io.ts\";\n"
    "\n";

static const char open_frame[] =
    "export interface OpenedFrame {\n"
    "  readonly type: number;\n"
    "  readonly name: FrameName;\n"
    "  readonly tag: number;\n"
    "  readonly body: Bytes;\n"
    "}\n"
    "\n"
    "export function openFrame(bytes: Bytes): OpenedFrame {\n"
    "  return openWith(bytes, frames);\n"
    "}\n";


/* --- tables -------------------------------------------------------------- */

#define LIMITS(X)                                                             \
    X(FRAME_MAX) X(FRAME_HEADER) X(ENVELOPE_MAX) X(ENVELOPE_MIN)              \
    X(CONTENT_MAX) X(ID_BYTES) X(SIG_BYTES) X(CID_TEXT) X(RSA_SPKI_BYTES)     \
    X(X25519_BYTES) X(RSA_SEALED_BYTES) X(HPKE_SEALED_BYTES)                  \
    X(ROSTER_DEVICES_MAX) X(ROSTER_DAYS_MAX) X(CLOCK_TOLERANCE_MS)            \
    X(NUMBER_MAX) X(CHALLENGE_TTL_MS) X(HEADS_MAX) X(REPEAT_DEPTH)            \
    X(DELIVER_WINDOW) X(REQUEST_WINDOW) X(PAGE_ROSTERS) X(PAGE_SESSIONS)      \
    X(PAGE_MESSAGES) X(PUZZLE_BITS_MAX)

/* Constants of their own, so that a bundle holds those alone that it uses. */
#define LIMIT(NAME) \
    printf("export const %s = %llu;\n", #NAME, (unsigned long long) SC_##NAME);

#define ROLE(number, NAME, name) \
    printf("  %s: %d,\n", camel(#name, 0).s, number);

#define ERROR_CODE(code, NAME, name, close, sentence) \
    printf("export const E_%s = %d;\n", #NAME, code);

/* A row is an array, so that its names do not come again with each. */
static void
print_frame_row(const struct frame *frame)
{
    printf("  0x%02x: [\"%s\", %u", frame->type, camel(frame->name, 0).s,
           frame->max);

    if (frame->repeat && !is(frame->answer, "NONE")) {
        printf(", \"%s\"", camel(frame->answer, 0).s);
    }

    fputs("],\n", stdout);
}

static void
print_rules_row(const struct frame *frame)
{
    unsigned role;

    if (frame->repeat == NULL) {
        return;
    }

    printf("  0x%02x: {\n    repeat: \"%s\",\n    roles: [", frame->type,
           camel(frame->repeat, 0).s);

    for (role = 0; role < SC_ROLE_COUNT; role++) {
        if (frame->roles & 1u << role) {
            printf("%s%u", frame->roles & ((1u << role) - 1) ? ", " : "",
                   role);
        }
    }

    fputs("],\n  },\n", stdout);
}

static void
print_tables(void)
{
    size_t i;

    printf("export const subprotocol = \"%s\";\n", SC_SUBPROTOCOL);

    fputs("\n", stdout);
    LIMITS(LIMIT)
    fputs("\nexport const roles = {\n", stdout);
    SC_ROLES(ROLE)
    fputs("} as const;\n\n", stdout);
    SC_ERRORS(ERROR_CODE)
    fputs("\nexport const frameTypes = {\n", stdout);
    for (i = 0; i < COUNT(frames); i++) {
        printf("  %s: 0x%02x,\n", camel(frames[i].name, 0).s, frames[i].type);
    }

    fputs("} as const;\n\n"
          "export type FrameName = keyof typeof frameTypes;\n\n"
          "/** Name, largest body, and name of the answer. */\n"
          "export type FrameInfo = Row<FrameName>;\n\n"
          "export const frames: { readonly [type: number]: FrameInfo } = {\n",
          stdout);
    for (i = 0; i < COUNT(frames); i++) {
        print_frame_row(&frames[i]);
    }

    fputs("};\n\n"
          "/** Of what clients send. */\n"
          "export interface FrameRules {\n"
          "  /** What repeating it after a break does; see frames.h. */\n"
          "  readonly repeat: \"once\" | \"read\" | \"same\" | \"swap\" | "
          "\"max\" | \"lost\";\n"
          "  readonly roles: readonly number[];\n"
          "}\n\n"
          "export const rules: { readonly [type: number]: FrameRules } = {\n",
          stdout);
    for (i = 0; i < COUNT(frames); i++) {
        print_rules_row(&frames[i]);
    }
    fputs("};\n\n", stdout);
}


/* --- codecs -------------------------------------------------------------- */

static void
print_members(const struct field *field)
{
    for (; field->kind; field++) {
        printf("  readonly %s: ", camel(field->name, 0).s);
        print_type(field->kind);
        fputs(";\n", stdout);
    }
}

/* The expression that reads a field from r. */
static void
print_get(const char *kind)
{
    if (list_item(kind)) {
        printf("r.list(get%s)", camel(list_item(kind), 1).s);

    } else if (is(kind, "REST")) {
        fputs("r.rest()", stdout);

    } else if (is(kind, "V16")) {
        fputs("r.v16()", stdout);

    } else if (kind[0] == 'U') {
        printf("r.uint(%d)", atoi(kind + 1) / 8);

    } else {
        printf("r.bytes(%d)", atoi(kind + 1));
    }
}

/* The statement that writes a field of from to w. */
static void
print_put(const struct field *field, const char *from)
{
    const char *kind = field->kind;
    struct name n = camel(field->name, 0);
    const char *name = n.s;

    if (list_item(kind)) {
        printf("  w.list(%s.%s, put%s);\n", from, name,
               camel(list_item(kind), 1).s);

    } else if (is(kind, "REST")) {
        printf("  w.bytes(%s.%s);\n", from, name);

    } else if (is(kind, "V16")) {
        printf("  w.v16(%s.%s);\n", from, name);

    } else if (kind[0] == 'U') {
        printf("  w.uint(%s.%s, %d);\n", from, name, atoi(kind + 1) / 8);

    } else {
        printf("  w.bytes(%s.%s, %d);\n", from, name, atoi(kind + 1));
    }
}

static void
print_object(const struct field *field, const char *indent)
{
    fputs("{\n", stdout);
    for (; field->kind; field++) {
        printf("%s  %s: ", indent, camel(field->name, 0).s);
        print_get(field->kind);
        fputs(",\n", stdout);
    }
    printf("%s}", indent);
}

static void
print_item(const struct item *item)
{
    struct name         n = camel(item->name, 1);
    const char         *name = n.s;
    const struct field *field;

    printf("\nexport interface %sItem {\n", name);
    print_members(item->fields);

    printf("}\n\nfunction get%s(r: FrameReader): %sItem {\n  return ",
           name, name);
    print_object(item->fields, "  ");

    printf(";\n}\n\nfunction put%s(w: FrameWriter, item: %sItem): void {\n",
           name, name);
    for (field = item->fields; field->kind; field++) {
        print_put(field, "item");
    }
    fputs("}\n", stdout);
}

static void
print_frame(const struct frame *frame)
{
    struct name         n = camel(frame->name, 1);
    const char         *name = n.s;
    const struct field *field;
    int                 empty = frame->fields->kind == NULL;

    if (empty) {
        printf("\nexport type %sFrame = Readonly<Record<string, never>>;\n",
               name);

    } else {
        printf("\nexport interface %sFrame {\n", name);
        print_members(frame->fields);
        fputs("}\n", stdout);
    }

    printf("\nexport function encode%s(\n  tag: number,\n"
           "  %sfields: %sFrame,\n): Bytes {\n"
           "  const w = new FrameWriter(0x%02x, tag, %u);\n",
           name, empty ? "_" : "", name, frame->type, frame->max);
    for (field = frame->fields; field->kind; field++) {
        print_put(field, "fields");
    }

    printf("  return w.finish();\n}\n\n"
           "export function decode%s(body: Bytes): %sFrame {\n"
           "  const r = new FrameReader(body, %u);\n",
           name, name, frame->max);
    if (empty) {
        fputs("  r.end();\n  return {};\n}\n", stdout);
        return;
    }

    fputs("  const frame = ", stdout);
    print_object(frame->fields, "  ");
    fputs(";\n  r.end();\n  return frame;\n}\n", stdout);
}

int
main(void)
{
    size_t i;

    fputs(head, stdout);
    print_tables();
    fputs(open_frame, stdout);

    for (i = 0; i < COUNT(items); i++) {
        print_item(&items[i]);
    }

    for (i = 0; i < COUNT(frames); i++) {
        print_frame(&frames[i]);
    }

    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
