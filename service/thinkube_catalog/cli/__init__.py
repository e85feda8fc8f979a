"""The `tkt` command: arguments in, tables and progress out."""
