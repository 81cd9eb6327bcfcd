"""The `baseline` command: where actuals are asked for, and how judgements are told."""
