/*
 * Counted bytes: allocation and release, nothing else.
 */

#include "body.h"

#include <stdlib.h>
#include <string.h>


struct sc_body *
sc_body_new(const void *bytes, size_t n)
{
    struct sc_body *body = malloc(sizeof(*body) + n);

    if (body == NULL) {
        return NULL;
    }

    body->refs = 1;
    body->page = NULL;
    body->n = n;

    if (bytes && n) {
        memcpy(body->bytes, bytes, n);
    }

    return body;
}


struct sc_body *
sc_body_of_page(struct sc_page *page)
{
    struct sc_body *body = sc_body_new(NULL, 0);

    if (body == NULL) {
        sc_store_page_free(page);
        return NULL;
    }

    body->page = page;
    return body;
}


void
sc_body_drop(struct sc_body *body)
{
    if (body == NULL || --body->refs) {
        return;
    }

    if (body->page) {
        sc_store_page_free(body->page);
    }

    free(body);
}
