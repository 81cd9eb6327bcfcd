"""What figures mean: pure functions from what was sampled to a judgement."""
