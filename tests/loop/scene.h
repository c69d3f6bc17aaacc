/*
 * scene.h - every point of the way: two clients of node 0 have everything under way at once, k
 * calls of it have been run and answered: then it happens.
 */
#ifndef CW_TESTS_SCENE_H
#define CW_TESTS_SCENE_H

#include "loop/path.h"

#include <stdbool.h>
#include <stddef.h>

#define RECONNECT_MS 100 /* the first try comes after 25 to 50 ms */

struct scene {
    struct path path;
    struct path_client *ann; /* new: joins `room` and `hall` by her URL */
    struct path_client *bob; /* leaves `room`, joins `hall` and `attic`, publishes, looks around */
    struct path_client *far; /* on node 1, in `room` */
    bool is_late;            /* it happens while messages and acks are held back, too */
};

/** `calls` of them have been run. */
void scene_start(struct scene *scene, size_t calls);
void scene_end(struct scene *scene);
/** For every number of calls. */
void scene_at_every_point(void (*befall)(struct scene *scene));

/** All goes on, links are made again, and what is to be repeated is. */
void scene_settle(struct scene *scene);
/** What the node believes of this membership is what Redis says. */
void scene_check_member(const struct scene *scene, const struct path_client *client,
                        const char *group);
/** What the node believes of its channels and their groups is what Redis says. */
void scene_check_agreement(const struct scene *scene);
/** Answers come once, in the order of the ids; an ok or an error. */
void scene_check_answers(struct path_client *client, int first, int last);

#endif
