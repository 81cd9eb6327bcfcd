"""Rows, bytes and seconds of a try: who tells, who wins, and under which pipeline and stage."""
