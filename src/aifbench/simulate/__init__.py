"""A server of known timing: what anybody can check the load generator against."""
