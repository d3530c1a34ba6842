"""The ``k3py`` command."""

import sys


def main() -> None:
    """Run the command line with this process's arguments."""
    from k3py.cli import load_commands
    from k3py.cli.app import app, run_command

    load_commands(sys.argv[1:])
    run_command(app)


if __name__ == "__main__":
    main()
