"""HTTP as the operator serves it: addresses with TLS, whose token it is and what it opens, probes and metrics."""
