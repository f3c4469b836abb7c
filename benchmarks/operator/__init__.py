"""How much the operator costs: floods of objects against a bare client, latencies, restarts, and a minute at rest.

`python -m benchmarks.operator` runs all of it on a dev cluster of its own whose nodes have no GPUs, so that no engine is ever
started: what is measured is the control plane alone.
"""
