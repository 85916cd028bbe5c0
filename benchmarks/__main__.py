"""Entry point of `python -m benchmarks`; child processes do not run it."""

from benchmarks.command import main

if __name__ == "__main__":
    main()
