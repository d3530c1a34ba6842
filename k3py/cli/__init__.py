"""The k3py command, one file per subcommand."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final

# Subcommand -> the module that adds it. Only what is asked for is imported: a command line answers at once.
COMMANDS: Final = {
    "up": "up",
    "down": "down",
    "reset": "reset",
    "server": "daemon_commands",
    "agent": "daemon_commands",
    "get": "get",
    "apply": "apply",
    "create": "create",
    "delete": "delete",
    "scale": "scale",
    "rollout": "rollout",
    "wait": "wait",
    "logs": "logs",
    "exec": "exec",
    "port-forward": "port_forward",
    "cluster": "cluster",
    "node": "node",
    "token": "token",
    "image": "image",
    "kubeconfig": "kubeconfig",
    "vpc": "vpc",
    "doctor": "doctor",
}


def load_commands(arguments: Sequence[str]) -> None:
    """Import the module of the subcommand that is asked for, or all of them (help, completion, typing errors)."""
    asked = next((each for each in arguments if not each.startswith("-")), "")
    modules = {COMMANDS[asked]} if asked in COMMANDS else set(COMMANDS.values())
    for module in sorted(modules):
        import_module(f"k3py.cli.{module}")
