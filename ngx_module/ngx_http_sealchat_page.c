
/*
 * What a status page looks like: text, JSON, and the exposition format of
 * Prometheus.  Sidecars speak the latter; what one says of a family is put
 * beside what the others say of it, each sample with its peer as a label.
 * Lines that are no samples are left out.
 */


#include "ngx_http_sealchat_status.h"


/* more than one line of the module's own metrics, with its comments */

#define NGX_HTTP_SEALCHAT_PAGE_LINE  320


typedef struct {
    const char                      *family;
    const char                      *label;
    const char                      *help;
    const char                      *key;
} ngx_http_sealchat_family_t;


typedef struct ngx_http_sealchat_block_s  ngx_http_sealchat_block_t;

struct ngx_http_sealchat_block_s {
    ngx_str_t                        text;
    ngx_http_sealchat_answer_t      *answer;
    ngx_http_sealchat_block_t       *next;
};


/* a family of sidecars, and what each of them says of it */

typedef struct {
    ngx_str_node_t                   node;
    ngx_queue_t                      queue;
    ngx_http_sealchat_block_t       *first;
    ngx_http_sealchat_block_t       *last;
} ngx_http_sealchat_told_t;


static void ngx_http_sealchat_page_text(ngx_buf_t *b,
    ngx_http_sealchat_sums_t *sums, ngx_array_t *answers);
static void ngx_http_sealchat_page_json(ngx_buf_t *b,
    ngx_http_sealchat_sums_t *sums, ngx_array_t *answers);
static ngx_int_t ngx_http_sealchat_page_prometheus(ngx_pool_t *pool,
    ngx_buf_t *b, ngx_http_sealchat_sums_t *sums, ngx_array_t *answers);
static ngx_int_t ngx_http_sealchat_page_families(ngx_pool_t *pool,
    ngx_buf_t *b, ngx_array_t *answers);
static ngx_int_t ngx_http_sealchat_page_gather(ngx_pool_t *pool,
    ngx_rbtree_t *tree, ngx_queue_t *families,
    ngx_http_sealchat_answer_t *answer);
static ngx_http_sealchat_told_t *ngx_http_sealchat_page_told(
    ngx_pool_t *pool, ngx_rbtree_t *tree, ngx_queue_t *families,
    ngx_str_t *name);
static void ngx_http_sealchat_page_samples(ngx_buf_t *b,
    ngx_http_sealchat_block_t *block);
static ngx_uint_t ngx_http_sealchat_page_block(ngx_str_t *text,
    ngx_str_t *name, ngx_str_t *block);
static ngx_uint_t ngx_http_sealchat_page_comment(ngx_str_t *line,
    ngx_str_t *name);
static ngx_uint_t ngx_http_sealchat_page_line(ngx_str_t *text,
    ngx_str_t *line);
static ngx_uint_t ngx_http_sealchat_page_sample(ngx_str_t *line,
    ngx_str_t *name, ngx_str_t *labels, ngx_str_t *value);
static ngx_uint_t ngx_http_sealchat_page_number(ngx_str_t *value);


static ngx_http_sealchat_family_t  ngx_http_sealchat_families[] = {
#define X(NAME, name, family, label, help)  { family, label, help, #name },
    NGX_HTTP_SEALCHAT_GAUGES(X)
    NGX_HTTP_SEALCHAT_COUNTERS(X)
#undef X
};


ngx_buf_t *
ngx_http_sealchat_page(ngx_pool_t *pool, ngx_uint_t format,
    ngx_http_sealchat_sums_t *sums, ngx_array_t *answers)
{
    size_t                       size;
    ngx_buf_t                   *b;
    ngx_str_t                    text, line;
    ngx_uint_t                   i;
    ngx_http_sealchat_answer_t  *answer;

    answer = answers->elts;

    size = (NGX_HTTP_SEALCHAT_NMETRICS + 8) * NGX_HTTP_SEALCHAT_PAGE_LINE;

    for (i = 0; i < answers->nelts; i++) {

        size += 2 * answer[i].peer.len + NGX_HTTP_SEALCHAT_PAGE_LINE;
        text = answer[i].text;

        while (ngx_http_sealchat_page_line(&text, &line)) {
            size += 2 * line.len + answer[i].peer.len + sizeof("{peer=\"\"} ");
        }
    }

    b = ngx_create_temp_buf(pool, size);
    if (b == NULL) {
        return NULL;
    }

    switch (format) {

    case NGX_HTTP_SEALCHAT_STATUS_JSON:
        ngx_http_sealchat_page_json(b, sums, answers);
        break;

    case NGX_HTTP_SEALCHAT_STATUS_PROMETHEUS:
        if (ngx_http_sealchat_page_prometheus(pool, b, sums, answers)
            != NGX_OK)
        {
            return NULL;
        }

        break;

    default:
        ngx_http_sealchat_page_text(b, sums, answers);
    }

    return b;
}


static void
ngx_http_sealchat_page_text(ngx_buf_t *b, ngx_http_sealchat_sums_t *sums,
    ngx_array_t *answers)
{
    ngx_str_t                    text, line, name, labels, value;
    ngx_uint_t                   i;
    ngx_http_sealchat_answer_t  *answer;
    ngx_http_sealchat_family_t  *f;

    b->last = ngx_sprintf(b->last, "workers: %ui, leaving: %ui\n",
                          sums->workers, sums->leaving);

    for (i = 0; i < NGX_HTTP_SEALCHAT_NMETRICS; i++) {
        f = &ngx_http_sealchat_families[i];
        b->last = ngx_sprintf(b->last, "%s: %uL\n", f->key, sums->values[i]);
    }

    answer = answers->elts;

    for (i = 0; i < answers->nelts; i++) {
        b->last = ngx_sprintf(b->last, "\nsidecar %V: %s\n", &answer[i].peer,
                              answer[i].up ? "up" : "does not answer");
        text = answer[i].text;

        while (ngx_http_sealchat_page_line(&text, &line)) {
            if (ngx_http_sealchat_page_sample(&line, &name, &labels, &value))
            {
                b->last = ngx_sprintf(b->last, "%V%V: %V\n", &name, &labels,
                                      &value);
            }
        }
    }
}


static void
ngx_http_sealchat_page_json(ngx_buf_t *b, ngx_http_sealchat_sums_t *sums,
    ngx_array_t *answers)
{
    const char                  *quote;
    ngx_str_t                    text, line, name, labels, value;
    ngx_uint_t                   i, n;
    ngx_http_sealchat_answer_t  *answer;

    b->last = ngx_sprintf(b->last, "{\"workers\":%ui,\"leaving\":%ui",
                          sums->workers, sums->leaving);

    for (i = 0; i < NGX_HTTP_SEALCHAT_NMETRICS; i++) {
        b->last = ngx_sprintf(b->last, ",\"%s\":%uL",
                              ngx_http_sealchat_families[i].key,
                              sums->values[i]);
    }

    b->last = ngx_sprintf(b->last, ",\"sidecars\":[");

    answer = answers->elts;

    for (i = 0; i < answers->nelts; i++) {
        b->last = ngx_sprintf(b->last, "%s{\"peer\":\"", i ? "," : "");
        b->last = (u_char *) ngx_escape_json(b->last, answer[i].peer.data,
                                             answer[i].peer.len);
        b->last = ngx_sprintf(b->last, "\",\"up\":%s,\"metrics\":{",
                              answer[i].up ? "true" : "false");
        text = answer[i].text;
        n = 0;

        while (ngx_http_sealchat_page_line(&text, &line)) {

            if (!ngx_http_sealchat_page_sample(&line, &name, &labels, &value))
            {
                continue;
            }

            b->last = ngx_sprintf(b->last, "%s\"%V", n++ ? "," : "", &name);
            b->last = (u_char *) ngx_escape_json(b->last, labels.data,
                                                 labels.len);

            quote = ngx_http_sealchat_page_number(&value) ? "" : "\"";
            b->last = ngx_sprintf(b->last, "\":%s%V%s", quote, &value, quote);
        }

        b->last = ngx_sprintf(b->last, "}}");
    }

    b->last = ngx_sprintf(b->last, "]}\n");
}


static ngx_int_t
ngx_http_sealchat_page_prometheus(ngx_pool_t *pool, ngx_buf_t *b,
    ngx_http_sealchat_sums_t *sums, ngx_array_t *answers)
{
    ngx_uint_t                   i;
    ngx_http_sealchat_answer_t  *answer;
    ngx_http_sealchat_family_t  *f;

    b->last = ngx_sprintf(b->last,
                          "# HELP sealchat_workers Workers of nginx.\n"
                          "# TYPE sealchat_workers gauge\n"
                          "sealchat_workers{state=\"serving\"} %ui\n"
                          "sealchat_workers{state=\"leaving\"} %ui\n",
                          sums->workers - sums->leaving, sums->leaving);

    for (i = 0; i < NGX_HTTP_SEALCHAT_NMETRICS; i++) {
        f = &ngx_http_sealchat_families[i];

        if (f->help) {
            b->last = ngx_sprintf(b->last, "# HELP sealchat_%s %s\n"
                                  "# TYPE sealchat_%s %s\n",
                                  f->family, f->help, f->family,
                                  i < NGX_HTTP_SEALCHAT_NGAUGES
                                  ? "gauge" : "counter");
        }

        b->last = ngx_sprintf(b->last, "sealchat_%s%s%s%s %uL\n", f->family,
                              f->label ? "{" : "", f->label ? f->label : "",
                              f->label ? "}" : "", sums->values[i]);
    }

    answer = answers->elts;

    if (answers->nelts) {
        b->last = ngx_sprintf(b->last, "# HELP sealchat_sidecar_up Whether a "
                              "sidecar has answered.\n"
                              "# TYPE sealchat_sidecar_up gauge\n");
    }

    for (i = 0; i < answers->nelts; i++) {
        b->last = ngx_sprintf(b->last, "sealchat_sidecar_up{peer=\"%V\"} %ui\n",
                              &answer[i].peer, answer[i].up);
    }

    return ngx_http_sealchat_page_families(pool, b, answers);
}


/*
 * The families of all sidecars, each told once.  The first block that a
 * sidecar has of a family counts: so no line is told twice, which is what the
 * buffer has room for.
 */

static ngx_int_t
ngx_http_sealchat_page_families(ngx_pool_t *pool, ngx_buf_t *b,
    ngx_array_t *answers)
{
    ngx_str_t                    text, line, name;
    ngx_uint_t                   i;
    ngx_queue_t                  families, *q;
    ngx_rbtree_t                 tree;
    ngx_rbtree_node_t            sentinel;
    ngx_http_sealchat_told_t    *told;
    ngx_http_sealchat_block_t   *block;
    ngx_http_sealchat_answer_t  *answer;

    ngx_rbtree_init(&tree, &sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&families);

    answer = answers->elts;

    for (i = 0; i < answers->nelts; i++) {
        if (ngx_http_sealchat_page_gather(pool, &tree, &families, &answer[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (q = ngx_queue_head(&families);
         q != ngx_queue_sentinel(&families);
         q = ngx_queue_next(q))
    {
        told = ngx_queue_data(q, ngx_http_sealchat_told_t, queue);
        text = told->first->text;

        while (ngx_http_sealchat_page_line(&text, &line)) {
            if (ngx_http_sealchat_page_comment(&line, &name)) {
                b->last = ngx_sprintf(b->last, "%V\n", &line);
            }
        }

        for (block = told->first; block; block = block->next) {
            ngx_http_sealchat_page_samples(b, block);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_page_gather(ngx_pool_t *pool, ngx_rbtree_t *tree,
    ngx_queue_t *families, ngx_http_sealchat_answer_t *answer)
{
    ngx_str_t                   rest, name, text;
    ngx_http_sealchat_told_t   *told;
    ngx_http_sealchat_block_t  *block;

    rest = answer->text;

    while (ngx_http_sealchat_page_block(&rest, &name, &text)) {

        told = ngx_http_sealchat_page_told(pool, tree, families, &name);
        if (told == NULL) {
            return NGX_ERROR;
        }

        if (told->last && told->last->answer == answer) {
            continue;
        }

        block = ngx_palloc(pool, sizeof(ngx_http_sealchat_block_t));
        if (block == NULL) {
            return NGX_ERROR;
        }

        block->text = text;
        block->answer = answer;
        block->next = NULL;

        if (told->last) {
            told->last->next = block;

        } else {
            told->first = block;
        }

        told->last = block;
    }

    return NGX_OK;
}


/* the family of that name, which may be a new one */

static ngx_http_sealchat_told_t *
ngx_http_sealchat_page_told(ngx_pool_t *pool, ngx_rbtree_t *tree,
    ngx_queue_t *families, ngx_str_t *name)
{
    uint32_t                   hash;
    ngx_http_sealchat_told_t  *told;

    hash = ngx_crc32_long(name->data, name->len);

    told = (ngx_http_sealchat_told_t *) ngx_str_rbtree_lookup(tree, name,
                                                              hash);
    if (told) {
        return told;
    }

    told = ngx_pcalloc(pool, sizeof(ngx_http_sealchat_told_t));
    if (told == NULL) {
        return NULL;
    }

    told->node.node.key = hash;
    told->node.str = *name;

    ngx_rbtree_insert(tree, &told->node.node);
    ngx_queue_insert_tail(families, &told->queue);

    return told;
}


static void
ngx_http_sealchat_page_samples(ngx_buf_t *b, ngx_http_sealchat_block_t *block)
{
    ngx_str_t  text, line, name, labels, value;

    text = block->text;

    while (ngx_http_sealchat_page_line(&text, &line)) {

        if (!ngx_http_sealchat_page_sample(&line, &name, &labels, &value)) {
            continue;
        }

        b->last = ngx_sprintf(b->last, "%V{peer=\"%V\"", &name,
                              &block->answer->peer);

        if (labels.len > 2) {
            labels.data++;
            labels.len--;
            b->last = ngx_sprintf(b->last, ",%V %V\n", &labels, &value);

        } else {
            b->last = ngx_sprintf(b->last, "} %V\n", &value);
        }
    }
}


/* takes the lines of one family off a text */

static ngx_uint_t
ngx_http_sealchat_page_block(ngx_str_t *text, ngx_str_t *name,
    ngx_str_t *block)
{
    ngx_str_t   rest, line, another;
    ngx_uint_t  found;

    found = 0;
    rest = *text;

    while (ngx_http_sealchat_page_line(&rest, &line)) {

        if (ngx_http_sealchat_page_comment(&line, &another)) {

            if (!found) {
                found = 1;
                *name = another;
                block->data = line.data;

            } else if (name->len != another.len
                       || ngx_strncmp(name->data, another.data, name->len)
                          != 0)
            {
                break;
            }
        }

        *text = rest;
        block->len = rest.data - block->data;
    }

    return found;
}


/* "# HELP name ..." or "# TYPE name ..." */

static ngx_uint_t
ngx_http_sealchat_page_comment(ngx_str_t *line, ngx_str_t *name)
{
    u_char  *p, *last;

    if (line->len < 8
        || (ngx_strncmp(line->data, "# HELP ", 7) != 0
            && ngx_strncmp(line->data, "# TYPE ", 7) != 0))
    {
        return 0;
    }

    p = line->data + 7;
    last = line->data + line->len;

    name->data = p;

    while (p < last && *p != ' ') {
        p++;
    }

    name->len = p - name->data;

    return name->len != 0;
}


static ngx_uint_t
ngx_http_sealchat_page_line(ngx_str_t *text, ngx_str_t *line)
{
    u_char  *p, *last;

    if (text->len == 0) {
        return 0;
    }

    last = text->data + text->len;
    p = ngx_strlchr(text->data, last, LF);

    if (p == NULL) {
        p = last;
    }

    line->data = text->data;
    line->len = p - text->data;

    p = ngx_min(p + 1, last);

    text->data = p;
    text->len = last - p;

    return 1;
}


/* name, labels with their braces or nothing, value */

static ngx_uint_t
ngx_http_sealchat_page_sample(ngx_str_t *line, ngx_str_t *name,
    ngx_str_t *labels, ngx_str_t *value)
{
    u_char  *p, *last;

    for (p = line->data, last = p + line->len; p < last; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return 0;
        }
    }

    p = line->data;

    while (p < last
           && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
               || (*p >= '0' && *p <= '9') || *p == '_' || *p == ':'))
    {
        p++;
    }

    name->data = line->data;
    name->len = p - line->data;
    labels->data = p;

    if (p < last && *p == '{') {
        while (p < last && *p != '}') {
            p++;
        }

        if (p == last) {
            return 0;
        }

        p++;
    }

    labels->len = p - labels->data;

    if (name->len == 0 || last - p < 2 || *p != ' ') {
        return 0;
    }

    value->data = p + 1;
    value->len = last - value->data;

    return ngx_strlchr(value->data, last, ' ') == NULL
           && ngx_strlchr(value->data, last, '"') == NULL
           && ngx_strlchr(value->data, last, '\\') == NULL;
}


/* as JSON knows them: no NaN, no +Inf */

static ngx_uint_t
ngx_http_sealchat_page_number(ngx_str_t *value)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    if (p < last && *p == '-') {
        p++;
    }

    if (p == last || *p < '0' || *p > '9'
        || (*p == '0' && last - p > 1 && p[1] != '.'))
    {
        return 0;
    }

    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    if (last - p > 1 && *p == '.') {
        p++;

        while (p < last && *p >= '0' && *p <= '9') {
            p++;
        }
    }

    return p == last;
}
