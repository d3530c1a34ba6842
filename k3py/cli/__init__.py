"""The k3py command, one file per subcommand."""
