"""An embedded cluster: API server, workloads and Prometheus, for the demo and the tests."""
