"""Bayescaler: a Kubernetes operator that sizes workloads from quantiles of an online Bayesian load forecast."""

__version__ = "0.1.0"
