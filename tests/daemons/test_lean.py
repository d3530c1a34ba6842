"""A daemon does not carry what it never uses."""

import subprocess
import sys

SCRIPT = """
import sys
from k3py.daemons.lean import import_less
import_less()
import_less()
import k3py.daemons.vpc
import httpx
from pyroute2.iproute.linux import IPRoute
with IPRoute() as netlink:
    assert netlink.link_lookup(ifname="lo")
httpx.Client().close()
unwanted = ("pyroute2.ndb", "sqlite3", "rich", "pygments", "httpx._main.")
print(sorted(name for name in sys.modules if name.startswith(unwanted)))
"""


def test_parts_of_libraries_that_nobody_uses_are_left_out():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)
