"""Times, memory and share of the machine's peak of the compiled engine, against other simulators.

`nox -s bench` runs it from the root of the repository, as `python -m benchmarks`.  Absolute times do not carry over to
another machine or hour: within one run the repeats of the simulators are interleaved on one core, medians are compared,
and ratios are what counts.  A simulator is timed only after its numbers have agreed with those of the compiled engine.
Each runs in a process of its own, which is ended when it takes too long or too much memory; the others go on.
"""
