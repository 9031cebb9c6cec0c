/* list.h: an intrusive doubly linked list. The node lives in the structure that is listed, so that
 * adding and removing cannot fail and a node can leave from the middle. Plain C; no Python, no libuv. */
#ifndef CPS_BASE_LIST_H
#define CPS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CpsLink {
    struct CpsLink *prev, *next; /* both NULL while in no list */
} CpsLink;

typedef struct {
    CpsLink head; /* a ring: next is the first node, prev the last */
} CpsList;

/* The structure that holds `link` as its member `member`. */
#define CPS_CONTAINER(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

static inline void
cps_list_init(CpsList *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline bool
cps_list_empty(const CpsList *list)
{
    return list->head.next == &list->head;
}

static inline bool
cps_link_listed(const CpsLink *link)
{
    return link->next != NULL;
}

static inline void
cps_link_insert(CpsLink *link, CpsLink *prev, CpsLink *next)
{
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

static inline void
cps_list_append(CpsList *list, CpsLink *link)
{
    cps_link_insert(link, list->head.prev, &list->head);
}

static inline void
cps_list_prepend(CpsList *list, CpsLink *link)
{
    cps_link_insert(link, &list->head, list->head.next);
}

/* Take `link` out of its list; safe for one that is in none. */
static inline void
cps_link_remove(CpsLink *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        link->prev = link->next = NULL;
    }
}

/* The first node, or NULL; it stays in the list. */
static inline CpsLink *
cps_list_first(const CpsList *list)
{
    /* The analyser takes a node that was removed and freed for one that is still linked. */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return cps_list_empty(list) ? NULL : list->head.next;
}

/* The last node, or NULL; it stays in the list. */
static inline CpsLink *
cps_list_last(const CpsList *list)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
    return cps_list_empty(list) ? NULL : list->head.prev;
}

/* The node after `link`, or NULL at the end. */
static inline CpsLink *
cps_list_after(const CpsList *list, const CpsLink *link)
{
    return link->next == &list->head ? NULL : link->next;
}

/* Remove and return the first node, or NULL. */
static inline CpsLink *
cps_list_pop(CpsList *list)
{
    CpsLink *link = cps_list_first(list);

    if (link != NULL) {
        cps_link_remove(link);
    }
    return link;
}

/* How many nodes there are; counts them. */
static inline size_t
cps_list_length(const CpsList *list)
{
    size_t length = 0;

    for (CpsLink *link = cps_list_first(list); link != NULL; link = cps_list_after(list, link)) {
        length++;
    }
    return length;
}

/* Move every node of `from` to the end of `to`. */
static inline void
cps_list_splice(CpsList *to, CpsList *from)
{
    if (cps_list_empty(from)) {
        return;
    }
    from->head.next->prev = to->head.prev;
    to->head.prev->next = from->head.next;
    from->head.prev->next = &to->head;
    to->head.prev = from->head.prev;
    cps_list_init(from);
}

#endif
