/*
 * A hash map of nodes that are members of what they name.  The caller hashes
 * and compares; keys that a peer chooses are hashed with a secret.
 */

#ifndef SEALCHAT_MAP_H
#define SEALCHAT_MAP_H

#include <stddef.h>
#include <stdint.h>

struct sc_map_node {
    struct sc_map_node *next;
    uint64_t            hash;
};

/* All zero is an empty map. */
struct sc_map {
    struct sc_map_node **slots;
    size_t               n_slots;   /* a power of two, or 0 */
    size_t               n;
};

/* The first node of that hash, and the one after node: the caller compares
 * keys.  NULL at the end. */
struct sc_map_node *sc_map_find(const struct sc_map *map, uint64_t hash);
struct sc_map_node *sc_map_next(const struct sc_map_node *node);

/* Returns 0, or -1 when there is no memory. */
int sc_map_add(struct sc_map *map, struct sc_map_node *node, uint64_t hash);

/* node must be in the map. */
void sc_map_remove(struct sc_map *map, struct sc_map_node *node);

/* Calls each() with every node; each() may remove the node that it is given,
 * and no other. */
void sc_map_walk(struct sc_map *map,
                 void (*each)(struct sc_map_node *node, void *data),
                 void *data);

/* Frees the map's own memory; nodes are not touched. */
void sc_map_free(struct sc_map *map);

#define sc_map_entry(node, type, member) \
    ((type *) (void *) ((char *) (node) - offsetof(type, member)))

#endif
