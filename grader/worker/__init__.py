"""The untrusted side: the warm parent, and the worker that loads a hand-in and answers calls."""
