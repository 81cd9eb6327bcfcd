"""Databases of each kind for those who look back."""

from tests.integration.collectors.airflow.conftest import address

__all__ = ["address"]
