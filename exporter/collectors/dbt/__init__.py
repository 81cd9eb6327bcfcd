"""What dbt wrote, by the run_results.json that it leaves in a directory."""
