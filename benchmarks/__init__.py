"""Figures of the kit, each a script that prints one JSON object: `python -m benchmarks.NAME --json`."""

import os

# before numpy is imported: its threads would forbid a fork
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
