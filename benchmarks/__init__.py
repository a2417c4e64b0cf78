"""Figures of the kit, each a script that prints one JSON object: `python -m benchmarks.NAME --json`."""
