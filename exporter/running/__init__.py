"""The tries that run on a host at the moment, as `top` and the page `/tasks` show them."""
