"""``k3py server`` and ``k3py agent``: the daemons in the foreground. Their flags are their settings."""

from k3py.cli.app import app
from k3py.cli.daemon_flags import daemon_command
from k3py.daemons.settings import AgentSettings, ServerSettings

_SERVER = "Run a server in the foreground: API, store and controllers."
_AGENT = "Run an agent in the foreground: this node's pods."


app.command("server", help=_SERVER)(daemon_command("server", ServerSettings, "config.yaml", _SERVER))
app.command("agent", help=_AGENT)(daemon_command("agent", AgentSettings, "agent-config.yaml", _AGENT))
