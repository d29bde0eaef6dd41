"""What is made of the list of metrics for those who watch: recording rules, alerts, dashboards, the reference page."""
