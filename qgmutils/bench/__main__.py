"""Entry point of `python -m qgmutils.bench`; child processes do not run it."""

from qgmutils.bench.command import main

if __name__ == "__main__":
    main()
