/* scene.c - see the header. */
#include "loop/scene.h"

#include "channel/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SCENE_CALLS 24 /* more than there are */

void scene_start(struct scene *scene, size_t calls)
{
    struct path *path = &scene->path;
    path_start(path, 2, 1);
    scene->far = path_member(path, 1, "room");
    scene->bob = path_member(path, 0, "room");
    fake_redis_hold(path->redis, FAKE_CALLS | (scene->is_late ? FAKE_PUSHES : 0));
    path_say(scene->far, "{'op':'publish','id':1,'group':'room','data':'zero'}");
    scene->ann = path_open(path, 0, "groups=room,hall", "chanway.v1.json");
    path_say(scene->ann, "{'op':'publish','id':1,'group':'hall','data':1}");
    path_say(scene->bob, "{'op':'publish','id':1,'group':'room','data':'one'}");
    path_say(scene->bob, "{'op':'leave','id':2,'group':'room'}");
    path_say(scene->bob, "{'op':'join','id':3,'group':'hall'}");
    path_say(scene->bob, "{'op':'publish','id':4,'group':'hall','data':'two'}");
    path_say(scene->bob, "{'op':'members','id':5,'group':'hall'}");
    path_say(scene->bob, "{'op':'publish','id':6,'group':'room','data':'three'}");
    path_say(scene->bob, "{'op':'join','id':7,'group':'attic'}");
    fake_time_run();
    for (size_t i = 0; i < calls; i++)
        fake_redis_step(path->redis, 1);
}

void scene_end(struct scene *scene)
{
    path_stop(&scene->path);
}

void scene_check_member(const struct scene *scene, const struct path_client *client,
                        const char *group)
{
    bool is_member = false;
    if (client->channel != NULL) {
        const struct cw_member *member = cw_member_find(client->channel, cw_bytes_text(group));
        is_member = member != NULL;
        if (member != NULL)
            assert_int_equal(member->state, CW_MEMBER_JOINED);
    }
    if (is_member != path_is_member(&scene->path, client, group) ||
        is_member != path_is_marked(&scene->path, client, group))
        fail_msg("%s in %s: here %d, in Redis %d, marked %d", client == scene->ann ? "ann" : "bob",
                 group, is_member, path_is_member(&scene->path, client, group),
                 path_is_marked(&scene->path, client, group));
}

void scene_check_agreement(const struct scene *scene)
{
    static const char *const groups[] = {"room", "hall", "attic"};
    for (int i = 0; i < 3; i++) {
        scene_check_member(scene, scene->ann, groups[i]);
        scene_check_member(scene, scene->bob, groups[i]);
    }
    assert_int_equal(path_is_registered(&scene->path, scene->ann), scene->ann->channel != NULL);
    assert_int_equal(path_is_registered(&scene->path, scene->bob), scene->bob->channel != NULL);
    assert_true(fake_store_is_covered(&scene->path.redis->store));
}

void scene_settle(struct scene *scene)
{
    struct fake_redis *redis = scene->path.redis;
    fake_redis_release(redis, FAKE_CALLS | FAKE_PUSHES);
    fake_time_advance(RECONNECT_MS);
    fake_time_advance(4000); /* a renewal of the lease */
}

void scene_check_answers(struct path_client *client, int first, int last)
{
    const char *frame;
    int id = first;
    while ((frame = path_next(client)) != NULL) {
        char ok[40];
        char error[40];
        (void)snprintf(ok, sizeof(ok), "{\"op\":\"ok\",\"id\":%d", id);
        (void)snprintf(error, sizeof(error), "{\"op\":\"error\",\"id\":%d", id);
        if (strncmp(frame, ok, strlen(ok)) == 0 || strncmp(frame, error, strlen(error)) == 0)
            id++;
        else if (strncmp(frame, "{\"op\":\"ok\"", 10) == 0)
            fail_msg("%s\nwhere the answer to %d should be", frame, id);
    }
    assert_int_equal(id, last + 1);
}

void scene_at_every_point(void (*befall)(struct scene *scene))
{
    for (size_t calls = 0; calls < SCENE_CALLS; calls++) {
        for (int is_late = 0; is_late < 2; is_late++) {
            struct scene scene = {.is_late = is_late == 1};
            scene_start(&scene, calls);
            befall(&scene);
            scene_end(&scene);
        }
    }
}
