"""`gradtrace norms`: the norms of the gradients that every step found, as a table, a chart or numbers."""
