"""``k3py doctor``: whether this host can run a cluster, and what to do if not."""

from k3py.base.paths import Paths
from k3py.cli.app import app
from k3py.cli.checks import examine
from k3py.cli.host_facts import gather
from k3py.cli.host_network import network_results
from k3py.cli.options import JsonOrText, wants_json
from k3py.cli.reporting import print_results


@app.command()
def doctor(output: JsonOrText = "") -> None:
    """Check this host: kernel, tools, ports, disk, clock, certificates, daemons, network. Says how to mend what is
    wrong."""
    as_json, paths = wants_json(output), Paths.from_environment()
    facts = gather(paths)
    results = [*examine(facts), *network_results(paths, daemon_runs=facts.vpc_runs)]
    print_results(results, as_json=as_json)
