"""The tunnel from the node to the server: tunnel decides, server acts."""
