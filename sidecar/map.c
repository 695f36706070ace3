/*
 * The hash map: chains in a table that doubles.  It never looks at keys.
 */

#include "map.h"

#include <stdlib.h>

#define FIRST_SLOTS 16


static struct sc_map_node **
slot_of(const struct sc_map *map, uint64_t hash)
{
    return &map->slots[hash & (map->n_slots - 1)];
}


static struct sc_map_node *
same_hash(struct sc_map_node *node, uint64_t hash)
{
    while (node && node->hash != hash) {
        node = node->next;
    }

    return node;
}


struct sc_map_node *
sc_map_find(const struct sc_map *map, uint64_t hash)
{
    return map->n ? same_hash(*slot_of(map, hash), hash) : NULL;
}


struct sc_map_node *
sc_map_next(const struct sc_map_node *node)
{
    return same_hash(node->next, node->hash);
}


static int
grow(struct sc_map *map)
{
    struct sc_map        bigger;
    struct sc_map_node  *node, *next, **slot;

    bigger.n_slots = map->n_slots ? 2 * map->n_slots : FIRST_SLOTS;
    bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
    bigger.n = map->n;

    if (bigger.slots == NULL) {
        /* Longer chains do as long as there is a table at all. */
        return map->n_slots ? 0 : -1;
    }

    for (size_t i = 0; i < map->n_slots; i++) {
        for (node = map->slots[i]; node; node = next) {
            next = node->next;
            slot = slot_of(&bigger, node->hash);
            node->next = *slot;
            *slot = node;
        }
    }

    free(map->slots);
    *map = bigger;

    return 0;
}


int
sc_map_add(struct sc_map *map, struct sc_map_node *node, uint64_t hash)
{
    struct sc_map_node **slot;

    if (map->n >= map->n_slots && grow(map) != 0) {
        return -1;
    }

    slot = slot_of(map, hash);
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    map->n++;

    return 0;
}


void
sc_map_remove(struct sc_map *map, struct sc_map_node *node)
{
    struct sc_map_node **at = slot_of(map, node->hash);

    while (*at != node) {
        at = &(*at)->next;
    }

    *at = node->next;
    map->n--;
}


void
sc_map_walk(struct sc_map *map,
            void (*each)(struct sc_map_node *node, void *data), void *data)
{
    struct sc_map_node *node, *next;

    for (size_t i = 0; i < map->n_slots; i++) {
        for (node = map->slots[i]; node; node = next) {
            next = node->next;
            each(node, data);
        }
    }
}


void
sc_map_free(struct sc_map *map)
{
    free(map->slots);
    *map = (struct sc_map) { .n = 0 };
}
