"""The command `qgm`: one module for each of its subcommands, listed in `qgmutils.command.__main__`."""
