"""What Airflow's ids may be, where others tell them: in what is pushed, and in dbt's files."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

_PRINTABLE = r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+\Z"
# As Airflow allows (airflow.utils.helpers.validate_key); run ids may hold anything that is text.
Id = Annotated[str, Meta(min_length=1, max_length=250, pattern=r"\A[\w.\-]+\Z")]
RunId = Annotated[str, Meta(min_length=1, max_length=250, pattern=_PRINTABLE)]
