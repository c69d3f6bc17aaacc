/*
 * names.h - names of groups, channels, nodes, and the keys and topics made of them. Pure.
 *
 * Base keys: <prefix>:{g:<group>}, <prefix>:{c:<uuid>}, <prefix>:{n:<node id>}: one hash tag for
 * all of an entity (CONTRACT: Redis). A base key of a group is its sharded topic too;
 * <prefix>:n:<node id> is the classic topic of a node, <prefix>:all the one of every node.
 */
#ifndef CW_NAMES_H
#define CW_NAMES_H

#include <chanway/bytes.h>
#include <chanway/message.h>

#include <stdbool.h>
#include <stdint.h>

#define CW_GROUP_NAME_MAX 128
#define CW_NODE_NAME_MAX  50
#define CW_NODE_ID_MAX    64 /* name, '.', random, NUL */
#define CW_UUID_TEXT_SIZE 37
#define CW_PREFIX_MAX     32
/* prefix + ":{g:" + group + "}" + NUL */
#define CW_KEY_MAX (CW_PREFIX_MAX + 4 + CW_GROUP_NAME_MAX + 2)

/** 1..128 bytes of A-Z a-z 0-9 _ . : @ = / - (PROTOCOL: names). */
bool cw_group_name_is_valid(struct cw_bytes name);
/** Begins with "user:": reserved for the node. */
bool cw_group_name_is_reserved(struct cw_bytes name);
/** 1..50 bytes of A-Z a-z 0-9 _ . - */
bool cw_node_name_is_valid(struct cw_bytes name);
/** 1..32 bytes of A-Z a-z 0-9 _ . : - */
bool cw_prefix_is_valid(struct cw_bytes prefix);
/** A UUID in lower case with its four dashes, any version. */
bool cw_uuid_is_valid(struct cw_bytes text);
/** A new UUID version 7 (RFC 9562 section 5.7), lower case. */
void cw_uuid_generate(char ret_text[CW_UUID_TEXT_SIZE]);
/** `<name>.<8 random hex digits>`. `name` is valid. */
void cw_node_id_generate(const char *name, char ret_id[CW_NODE_ID_MAX]);

/** Writes `<prefix>:{<kind>:<name>}`, kind 'g', 'c' or 'n'; `name` is valid. Returns its length. */
size_t cw_key_write(char ret_key[CW_KEY_MAX], const char *prefix, char kind, struct cw_bytes name);
/** The group in a group's base key or sharded topic of `prefix`; empty if it is none. */
struct cw_bytes cw_key_group(struct cw_bytes key, const char *prefix);

/** Reads `<epoch>-<offset>`, decimal, no sign, no leading zero but "0". False: neither is set. */
bool cw_position_parse(struct cw_bytes text, struct cw_position *ret_position);
#define CW_POSITION_TEXT_SIZE 42
size_t cw_position_write(char ret_text[CW_POSITION_TEXT_SIZE], struct cw_position position);

/** `*` matches any run of bytes, everything else itself. Linear in text x pattern at worst. */
bool cw_glob_matches(struct cw_bytes pattern, struct cw_bytes text);
/** Bytes beside its `*`: of several that match, the glob with the most holds. */
size_t cw_glob_literals(const char *pattern);

#endif
