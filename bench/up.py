"""How long ``k3py up`` takes until the node is Ready, on a machine where everything is installed.

``python bench/up.py [--count 5]`` prints JSON: the first start (a new store, CA, certificates, a node that joins), and
the start of a cluster that was there (after ``k3py down``). No peer is measured: K3s and k0s are no packages of Debian.
"""

import argparse
import json
import statistics
import time

from measure import host, row
from one_cluster import Cluster, one_cluster

TARGET_SECONDS = 3
NO_PEER = "none: K3s and k0s are no packages of Debian"


def timed_up(cluster: Cluster) -> float:
    """Seconds of one ``k3py up``, the command's own start included."""
    begin = time.perf_counter()
    cluster.up()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5)
    count = parser.parse_args().count
    facts = host()
    first, again = [], []
    for _ in range(count):
        with one_cluster() as cluster:
            first.append(timed_up(cluster))
            cluster.k3py("down")
            again.append(timed_up(cluster))
    rows = [
        row(name, "s", statistics.median(taken), load=f"median of {count}", target=TARGET_SECONDS, slowest=max(taken))
        for name, taken in (("k3py up, a new cluster", first), ("k3py up after k3py down", again))
    ]
    print(
        json.dumps(
            {"benchmark": "up", "host": facts, "peer": "none: K3s and k0s are no packages of Debian", "rows": rows},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
