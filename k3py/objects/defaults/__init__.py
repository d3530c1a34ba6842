"""What the server fills in where the user said nothing: one file per family of kinds."""
