"""Running tasks: cached, resumed, in parallel, on one thread each."""
