/* The cycles of a graph of actors: Tarjan's strongly connected components, with a stack of our own, since a chain of 10,000
 * actors would overflow C's. */
#include "flow/graph.h"

#include <string.h>

enum { NOT_VISITED = 0 };

typedef struct {
    CpsActor *actor;    /* borrowed: marking runs no Python code, so nobody lets go of it */
    Py_ssize_t edges;   /* where its edges begin in Graph.edges; they end where those of the next node begin */
    Py_ssize_t next;    /* the edge that the search follows next */
    Py_ssize_t order;   /* when it was first visited, from 1; NOT_VISITED before */
    Py_ssize_t lowest;  /* the earliest node in its component that is known to be reached from it */
    Py_ssize_t caller;  /* the node that the search came from, or -1 */
    bool stacked;       /* visited, its component not yet known */
    bool loops;         /* sends to itself */
    CpsGraphPart *part; /* owned reference, or NULL */
} Node;

typedef struct {
    Node *nodes;
    Py_ssize_t node_count, node_room;
    Py_ssize_t *edges; /* indices of the nodes that edges lead to */
    Py_ssize_t edge_count, edge_room;
    Py_ssize_t *stack; /* of the search: visited nodes whose component is not yet known */
    Py_ssize_t stack_height;
    Py_ssize_t visited;
    Py_ssize_t limit; /* of the parts that are made */
} Graph;

/* --- parts ---------------------------------------------------------------------------------------------------------------- */

static CpsGraphPart *
part_new(Py_ssize_t limit)
{
    CpsGraphPart *part = PyMem_Calloc(1, sizeof(*part));

    if (part == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    part->refs = 1;
    part->limit = limit;
    cps_list_init(&part->gates);
    cps_list_init(&part->sources);
    return part;
}

static CpsGraphPart *
part_ref(CpsGraphPart *part)
{
    part->refs++;
    return part;
}

void
cps_graph_part_unref(CpsGraphPart *part)
{
    if (part != NULL && --part->refs == 0) {
        PyMem_Free(part); /* its gates hold references, so there are none */
    }
}

void
cps_graph_part_left(CpsGraphPart *part)
{
    if (part->inside-- != part->limit) {
        return; /* it was not full, so no gate was refused; or it is still too full */
    }
    for (CpsLink *link = cps_list_first(&part->gates); link != NULL; link = cps_list_after(&part->gates, link)) {
        cps_inbox_schedule(CPS_CONTAINER(link, CpsInbox, gate_link));
    }
    for (CpsLink *link = cps_list_first(&part->sources); link != NULL; link = cps_list_after(&part->sources, link)) {
        cps_actor_resume(CPS_CONTAINER(link, CpsActor, source_link));
    }
}

/* --- building ------------------------------------------------------------------------------------------------------------- */

/* Make room for one more item in an array. Returns 0 or -1. */
static int
grow(void **items_p, Py_ssize_t count, Py_ssize_t *room, size_t item_size)
{
    Py_ssize_t wanted = *room == 0 ? 64 : 2 * *room;
    void *items;

    if (count < *room) {
        return 0;
    }
    items = PyMem_Realloc(*items_p, (size_t)wanted * item_size);
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *items_p = items;
    *room = wanted;
    return 0;
}

/* The index of the node of `actor`, which is added when it is new. -1 with an exception set. */
static Py_ssize_t
graph_node(Graph *graph, CpsActor *actor)
{
    Py_ssize_t index = actor->graph_index; /* of an earlier graph, perhaps */

    if (index >= 0 && index < graph->node_count && graph->nodes[index].actor == actor) {
        return index;
    }
    if (grow((void **)&graph->nodes, graph->node_count, &graph->node_room, sizeof(Node)) < 0) {
        return -1;
    }
    index = graph->node_count++;
    graph->nodes[index] = (Node){.actor = actor, .caller = -1};
    actor->graph_index = index;
    return index;
}

typedef int (*QueueVisitor)(Graph *graph, Py_ssize_t index, CpsQueue *queue);

static int
visit_queue(Graph *graph, Py_ssize_t index, PyObject *queue, QueueVisitor visit)
{
    CpsState *state = graph->nodes[index].actor->state;
    PyObject *also;

    if (!PyObject_TypeCheck(queue, state->types.Queue)) {
        return 0; /* a stand-in of the script's own */
    }
    if (visit(graph, index, (CpsQueue *)queue) < 0) {
        return -1;
    }
    also = ((CpsQueue *)queue)->also;
    for (Py_ssize_t i = 0; also != NULL && i < PyList_GET_SIZE(also); i++) {
        if (visit(graph, index, (CpsQueue *)PyList_GET_ITEM(also, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Call visit for every queue that the actor at `index` sends to. */
static int
each_sent_queue(Graph *graph, Py_ssize_t index, QueueVisitor visit)
{
    CpsQueuePool *pool = graph->nodes[index].actor->pool;
    PyObject *pools[] = {(PyObject *)pool->outbound, (PyObject *)pool->error};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(pools); i++) {
        PyObject *queue; /* borrowed */
        Py_ssize_t position = 0;

        while (PyDict_Next(pools[i], &position, NULL, &queue)) {
            if (visit_queue(graph, index, queue, visit) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static int
add_edges(Graph *graph, Py_ssize_t index, CpsQueue *queue)
{
    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL; link = cps_list_after(&queue->inboxes, link)) {
        Py_ssize_t target = graph_node(graph, CPS_CONTAINER(link, CpsInbox, queue_link)->actor);

        if (target < 0 ||
            grow((void **)&graph->edges, graph->edge_count, &graph->edge_room, sizeof(*graph->edges)) < 0) {
            return -1;
        }
        graph->edges[graph->edge_count++] = target;
        graph->nodes[index].loops |= target == index;
    }
    return 0;
}

static int
graph_build(Graph *graph, PyObject *actors)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(actors); i++) {
        if (graph_node(graph, (CpsActor *)PyList_GET_ITEM(actors, i)) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < graph->node_count; i++) { /* it grows by what the edges reach */
        graph->nodes[i].edges = graph->nodes[i].next = graph->edge_count;
        if (each_sent_queue(graph, i, add_edges) < 0) {
            return -1;
        }
    }
    return 0;
}

static void
graph_free(Graph *graph)
{
    for (Py_ssize_t i = 0; i < graph->node_count; i++) {
        cps_graph_part_unref(graph->nodes[i].part);
    }
    PyMem_Free(graph->nodes);
    PyMem_Free(graph->edges);
    PyMem_Free(graph->stack);
}

/* --- searching ------------------------------------------------------------------------------------------------------------ */

static void
search_enter(Graph *graph, Py_ssize_t index, Py_ssize_t caller)
{
    Node *node = &graph->nodes[index];

    node->order = node->lowest = ++graph->visited;
    node->caller = caller;
    node->stacked = true;
    graph->stack[graph->stack_height++] = index;
}

/* All that can be reached from `index` has been visited and it is the earliest node of its component, which is therefore what
 * lies on the stack from there on. Returns 0 or -1. */
static int
search_close_component(Graph *graph, Py_ssize_t index)
{
    bool cycle = graph->nodes[index].loops || graph->stack[graph->stack_height - 1] != index;
    CpsGraphPart *part = NULL;
    Py_ssize_t member;

    if (cycle && (part = part_new(graph->limit)) == NULL) {
        return -1;
    }
    do {
        member = graph->stack[--graph->stack_height];
        graph->nodes[member].stacked = false;
        graph->nodes[member].part = part == NULL ? NULL : part_ref(part);
    } while (member != index);
    cps_graph_part_unref(part);
    return 0;
}

/* Follow one edge of the node at *index_p, or go back to where the search came from. Returns 0 or -1. */
static int
search_step(Graph *graph, Py_ssize_t *index_p)
{
    Py_ssize_t index = *index_p;
    Node *node = &graph->nodes[index], *target;
    Py_ssize_t end = index + 1 < graph->node_count ? node[1].edges : graph->edge_count;

    if (node->next < end) {
        Py_ssize_t edge = graph->edges[node->next++];

        target = &graph->nodes[edge];
        if (target->order == NOT_VISITED) {
            search_enter(graph, edge, index);
            *index_p = edge;
        }
        else if (target->stacked) {
            node->lowest = Py_MIN(node->lowest, target->order);
        }
        return 0;
    }
    if (node->lowest == node->order && search_close_component(graph, index) < 0) {
        return -1;
    }
    if (node->caller >= 0) {
        target = &graph->nodes[node->caller];
        target->lowest = Py_MIN(target->lowest, node->lowest);
    }
    *index_p = node->caller;
    return 0;
}

static int
graph_search(Graph *graph)
{
    graph->stack = PyMem_New(Py_ssize_t, graph->node_count + 1);
    if (graph->stack == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t root = 0; root < graph->node_count; root++) {
        Py_ssize_t index = root;

        if (graph->nodes[root].order != NOT_VISITED) {
            continue;
        }
        search_enter(graph, root, -1);
        while (index >= 0) {
            if (search_step(graph, &index) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* --- marking -------------------------------------------------------------------------------------------------------------- */

static void
set_part(CpsGraphPart **slot, CpsGraphPart *part)
{
    CpsGraphPart *old = *slot;

    *slot = part == NULL ? NULL : part_ref(part);
    cps_graph_part_unref(old);
}

static int
unmark_queue(Graph *graph, Py_ssize_t index, CpsQueue *queue)
{
    set_part(&queue->part, NULL);
    return 0;
}

/* A queue runs inside a cycle when one who sends to it and one who consumes it do. What waits in it counts as inside. */
static int
mark_queue(Graph *graph, Py_ssize_t index, CpsQueue *queue)
{
    CpsGraphPart *part = graph->nodes[index].part;

    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL; link = cps_list_after(&queue->inboxes, link)) {
        CpsActor *reader = CPS_CONTAINER(link, CpsInbox, queue_link)->actor;

        if (part != NULL && reader->part == part && queue->part != part) {
            set_part(&queue->part, part);
            part->inside += cps_queue_length(queue);
        }
    }
    return 0;
}

/* A source inside a cycle waits when that is full. */
static void
mark_source(CpsActor *actor)
{
    cps_link_remove(&actor->source_link);
    if (actor->part != NULL && actor->ops != NULL && actor->ops->resume != NULL) {
        cps_list_append(&actor->part->sources, &actor->source_link);
    }
}

/* The inboxes of an actor of a cycle are gates to it, unless their queue runs inside. */
static void
mark_inboxes(CpsActor *actor)
{
    CpsGraphPart *part = actor->part;

    for (CpsLink *link = cps_list_first(&actor->inboxes); link != NULL; link = cps_list_after(&actor->inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, actor_link);
        bool is_gate = part != NULL && inbox->queue->part != part;

        cps_link_remove(&inbox->gate_link);
        set_part(&inbox->gate, is_gate ? part : NULL);
        if (is_gate) {
            cps_list_append(&part->gates, &inbox->gate_link);
        }
        if (part != NULL) {
            part->inside += inbox->running;
        }
    }
}

static void
graph_mark(Graph *graph)
{
    for (Py_ssize_t i = 0; i < graph->node_count; i++) {
        (void)each_sent_queue(graph, i, unmark_queue);
        set_part(&graph->nodes[i].actor->part, graph->nodes[i].part);
    }
    for (Py_ssize_t i = 0; i < graph->node_count; i++) {
        (void)each_sent_queue(graph, i, mark_queue);
    }
    for (Py_ssize_t i = 0; i < graph->node_count; i++) {
        mark_inboxes(graph->nodes[i].actor);
        mark_source(graph->nodes[i].actor);
    }
    for (Py_ssize_t i = 0; i < graph->node_count; i++) {
        cps_actor_schedule(graph->nodes[i].actor); /* an old gate may have held it back */
        cps_actor_resume(graph->nodes[i].actor);
    }
}

int
cps_graph_mark(PyObject *actors, Py_ssize_t limit)
{
    Graph graph = {.limit = limit};
    int result = -1;

    if (graph_build(&graph, actors) == 0 && graph_search(&graph) == 0) {
        graph_mark(&graph);
        result = 0;
    }
    graph_free(&graph);
    return result;
}
