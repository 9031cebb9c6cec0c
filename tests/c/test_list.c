/* list: against an array of the same nodes, with nodes that leave from anywhere. */
#include "base/list.h"

#include <assert.h>
#include <stdlib.h>

enum { NODES = 20, ROUNDS = 100000 };

typedef struct {
    int number; /* before the link, so that CPS_CONTAINER has something to subtract */
    CpsLink link;
} Node;

/* What a list should hold, in order. */
typedef struct {
    Node *nodes[NODES];
    size_t length;
} Model;

static void
model_insert(Model *model, size_t place, Node *node)
{
    for (size_t i = model->length++; i > place; i--) {
        model->nodes[i] = model->nodes[i - 1];
    }
    model->nodes[place] = node;
}

static void
model_remove(Model *model, const Node *node)
{
    size_t kept = 0;

    for (size_t i = 0; i < model->length; i++) {
        if (model->nodes[i] != node) {
            model->nodes[kept++] = model->nodes[i];
        }
    }
    model->length = kept;
}

static void
expect_same(const CpsList *list, const Model *model)
{
    CpsLink *link = cps_list_first(list);

    assert(cps_list_empty(list) == (model->length == 0));
    assert(cps_list_length(list) == model->length);
    for (size_t i = 0; i < model->length; i++) {
        assert(CPS_CONTAINER(link, Node, link) == model->nodes[i]);
        assert(cps_link_listed(link));
        assert(link->next->prev == link && link->prev->next == link);
        link = cps_list_after(list, link);
    }
    assert(link == NULL);
}

static void
test_an_empty_list(void)
{
    CpsList list;
    Node node = {0};

    cps_list_init(&list);
    expect_same(&list, &(Model){0});
    assert(cps_list_pop(&list) == NULL);
    assert(!cps_link_listed(&node.link));
    cps_link_remove(&node.link);
    assert(!cps_link_listed(&node.link));
}

static void
test_splice_keeps_the_order(void)
{
    Node nodes[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    Model model = {{&nodes[0], &nodes[1], &nodes[2], &nodes[3]}, 4};
    CpsList to, from;

    for (size_t split = 0; split <= 4; split++) {
        cps_list_init(&to);
        cps_list_init(&from);
        for (size_t i = 0; i < 4; i++) {
            cps_list_append(i < split ? &to : &from, &nodes[i].link);
        }
        cps_list_splice(&to, &from);
        expect_same(&to, &model);
        expect_same(&from, &(Model){0});
        while (cps_list_pop(&to) != NULL) {
        }
    }
}

static void
test_random_operations(void)
{
    Node nodes[NODES] = {0};
    Model model = {0};
    CpsList list;

    cps_list_init(&list);
    for (int round = 0; round < ROUNDS; round++) {
        Node *node = &nodes[rand() % NODES];

        if (rand() % 8 == 0) {
            CpsLink *popped = cps_list_pop(&list);

            assert(popped == (model.length == 0 ? NULL : &model.nodes[0]->link));
            assert(popped == NULL || !cps_link_listed(popped));
            if (popped != NULL) {
                model_remove(&model, CPS_CONTAINER(popped, Node, link));
            }
        }
        else if (cps_link_listed(&node->link)) {
            cps_link_remove(&node->link);
            assert(!cps_link_listed(&node->link));
            model_remove(&model, node);
        }
        else if (rand() % 2) {
            cps_list_append(&list, &node->link);
            model_insert(&model, model.length, node);
        }
        else {
            cps_list_prepend(&list, &node->link);
            model_insert(&model, 0, node);
        }
        expect_same(&list, &model);
    }
}

int
main(void)
{
    test_an_empty_list();
    test_splice_keeps_the_order();
    test_random_operations();
    return 0;
}
