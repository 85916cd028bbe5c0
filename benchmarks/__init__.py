"""Times, memory and share of the machine's peak of the compiled engine, against other simulators.

`nox -s bench` calls it, as `python -m benchmarks`.  Absolute times do not carry over to another machine or hour:
within one run the repeats of the engines are interleaved on one core, medians are compared, and ratios are what counts.
A peer is timed only after its gradients have agreed with those of the compiled engine.
"""
