"""Real parts that tests start themselves: servers, a proxy, the daemon."""
