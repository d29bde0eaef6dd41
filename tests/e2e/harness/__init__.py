"""The real control plane and the real Prometheus that the end-to-end tests stand on."""
