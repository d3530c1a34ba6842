"""``k3py vpc``: the VPC daemon in the foreground; with a word behind it, VPCs and what happens to packets."""

import typer

from k3py.cli.app import app
from k3py.cli.daemon_flags import daemon_command
from k3py.cli.vpc_doctor import vpc_doctor
from k3py.cli.vpc_kinds import create_vpc, delete_vpc, list_vpcs
from k3py.cli.vpc_packets import counters, trace
from k3py.daemons.settings import VpcSettings

_TEXT = (
    "Run the VPC daemon in the foreground: this node's pod network. "
    "With a command behind it: VPCs, and what happens to the packets of this node's pods."
)


vpc = typer.Typer(help=_TEXT)
app.add_typer(vpc, name="vpc")
vpc.callback(invoke_without_command=True)(daemon_command("vpc", VpcSettings, "vpc-config.yaml", _TEXT, group=True))
vpc.command("list")(list_vpcs)
vpc.command("create")(create_vpc)
vpc.command("delete")(delete_vpc)
vpc.command("counters")(counters)
vpc.command("trace")(trace)
vpc.command("doctor")(vpc_doctor)
