#!/usr/bin/python3
"""The rows that the fault tests have left, as a Markdown table: table.py FOLDER"""

import json
import pathlib
import sys

# In the order of the table: what is cut, what Redis forgets, the network, nodes, clients.
ORDER = ["pubsub_killed", "clients_killed", "output_limit", "library_deleted", "redis_stopped",
         "redis_killed_always", "redis_killed_everysec", "redis_killed_without_aof", "older_data",
         "flushall", "history_trimmed", "network_stall", "network_delay", "network_reset",
         "node_killed", "node_stopped", "rolling_restart", "clients_silent", "sentinel_primary_killed",
         "sentinel_primary_stopped", "cluster_master_killed", "cluster_master_stopped",
         "cluster_reshard", "shard_killed", "shard_stopped"]
COLUMNS = [("fault", "title"), ("acknowledged", "acknowledged"), ("delivered", "delivered"),
           ("from history", "recovered"), ("duplicates dropped", "dropped"), ("gaps told", "gaps"),
           ("lost in silence", "lost"), ("duplicated", "duplicated"), ("out of order", "disordered"),
           ("longest stall", None), ("load acknowledged", None)]


def cells(row):
    for title, name in COLUMNS:
        if title == "longest stall":
            yield f"{row['stall_s'] * 1000:.0f} ms"
        elif title == "load acknowledged":
            yield f"{100 * row['answered'] / max(row['offered'], 1):.1f} %"
        elif title == "fault":
            yield row["title"] + ("" if row["is_well"] else " **FAILED**")
        else:
            value = row[name]
            yield f"{value:,}" if isinstance(value, int) else value


def main():
    rows = {path.stem.removeprefix("test_"): json.loads(path.read_text(encoding="ascii"))
            for path in pathlib.Path(sys.argv[1]).glob("*.json")}
    print("| " + " | ".join(title for title, _ in COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for name in sorted(rows, key=lambda name: (ORDER.index(name) if name in ORDER else 99, name)):
        print("| " + " | ".join(cells(rows[name])) + " |")


if __name__ == "__main__":
    main()
