"""Where hand-ins are examined: a pool of local processes."""
