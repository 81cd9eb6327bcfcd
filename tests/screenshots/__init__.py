"""Pictures of the dashboards, drawn by Grafana's own components from the demo's data."""
