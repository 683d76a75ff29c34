"""Writes what Prometheus and Grafana read: `python -m deploy.monitoring` (or `make dashboards`)."""
